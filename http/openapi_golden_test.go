package http

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// -golden writes the golden OpenAPI document anew. Look at its difference before committing it: clients are generated from it.
var writeGolden = flag.Bool("golden", false, "write the golden OpenAPI document")

const goldenOpenAPI = "testdata/openapi.json"

// The contract changes on purpose only: what the document says is compared, line by line, with the golden one.
func TestTheOpenAPIDocumentIsTheGoldenOne(t *testing.T) {
	s, _ := edge(t, nil)
	raw, err := json.Marshal(s.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *writeGolden {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldenOpenAPI, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(goldenOpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Fatalf("the contract has changed (-golden +now); if meant: go test ./http -run Golden -golden\n%s", diff)
	}
}
