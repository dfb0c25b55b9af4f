package e2e

import (
	"fmt"
	"os"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
)

// TestMain deletes the program that tests built. Tests that need none build none.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := world.RemoveBinary(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
