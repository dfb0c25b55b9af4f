package e2e

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/cmd/zhiping/e2e/world"
)

// A mistyped folder is said to have no accounts, and nothing is made there.
func TestAccountsThatAreNotThere(t *testing.T) {
	number := filepath.Join(t.TempDir(), "number")
	require.NoError(t, os.WriteFile(number, []byte("22010219860517001X\n"), 0o600))
	for _, args := range [][]string{
		{"grant", "root", "admin"}, {"revoke", "root", "admin"}, {"erase", "root"}, {"disable", "root"}, {"enable", "root"},
		{"password", "root", "--generate"}, {"verify", "root"}, {"holder", "--number-file", number},
	} {
		missing := filepath.Join(t.TempDir(), "mistyped")
		var out bytes.Buffer
		err := world.Run(t.Context(), append([]string{"accounts", "--data", missing}, args...), &out, io.Discard)
		require.ErrorContains(t, err, "no accounts in --data", args)
		require.NoDirExists(t, missing, args)
	}
}
