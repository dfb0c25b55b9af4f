package e2e

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
)

func TestHelpExplainsEveryFlag(t *testing.T) {
	var out bytes.Buffer
	if err := world.Run(context.Background(), []string{"serve", "--help"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--addr", "--data", "--demo", "--eventstore", "--readstore", "--blobs", "--log", "$ZHIPING_ADDR", "$ZHIPING_EVENTSTORE"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the help does not name %s\n%s", want, out.String())
		}
	}
	if err := world.Run(context.Background(), []string{"serve", "--addr"}, io.Discard, io.Discard); err == nil {
		t.Error("a flag without its value is taken")
	}
}
