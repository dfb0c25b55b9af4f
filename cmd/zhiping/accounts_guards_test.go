package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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
		err := run(t.Context(), append([]string{"accounts", "--data", missing}, args...), &out, io.Discard)
		require.ErrorContains(t, err, "no accounts in --data", args)
		require.NoDirExists(t, missing, args)
	}
}

func TestPasswordsAreNotHashedForLessThanIsSafe(t *testing.T) {
	for _, c := range []struct {
		memory, passes uint32
		demo, safe     bool
	}{
		{19456, 2, false, true}, {65536, 3, false, true}, {7168, 5, false, true}, {0, 0, false, true}, {64, 1, true, true},
		{19456, 1, false, false}, {7168, 4, false, false}, {64, 1000, false, false}, {0, 2, false, false},
	} {
		_, err := identityFlags{Argon2Memory: c.memory, Argon2Passes: c.passes}.argon2(c.demo)
		require.Equal(t, c.safe, err == nil, c)
	}
}
