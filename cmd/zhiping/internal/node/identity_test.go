package node

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPasswordsAreNotHashedForLessThanIsSafe(t *testing.T) {
	for _, c := range []struct {
		memory, passes uint32
		demo, safe     bool
	}{
		{19456, 2, false, true}, {65536, 3, false, true}, {7168, 5, false, true}, {0, 0, false, true}, {64, 1, true, true},
		{19456, 1, false, false}, {7168, 4, false, false}, {64, 1000, false, false}, {0, 2, false, false},
	} {
		_, err := IdentityFlags{Argon2Memory: c.memory, Argon2Passes: c.passes}.Argon2(c.demo)
		require.Equal(t, c.safe, err == nil, c)
	}
}
