package readmodels_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

func TestACursorKeepsTheTypeOfItsValue(t *testing.T) {
	for _, k := range []readmodels.Key{
		{}, {ID: "张三"}, {Value: "", ID: "a"}, {Value: "评审\x00x", ID: "b"}, {Value: int64(math.MinInt64), ID: "c"},
		{Value: int64(math.MaxInt64)}, {Value: true, ID: "d"}, {Value: false, ID: "e"}, {Value: strings.Repeat("长", 300), ID: "f"},
	} {
		got, err := readmodels.DecodeCursor(readmodels.EncodeCursor(k))
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	require.Panics(t, func() { readmodels.EncodeCursor(readmodels.Key{Value: 1.5}) })
}

func FuzzDecodeCursor(f *testing.F) {
	for _, s := range []string{
		"", "!", "bg", "cwVhYg", "aQExeA", strings.Repeat("A", 5000), readmodels.EncodeCursor(readmodels.Key{Value: "v", ID: "id"}),
		readmodels.EncodeCursor(readmodels.Key{Value: int64(-5), ID: "id"}), readmodels.EncodeCursor(readmodels.Key{Value: true}),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := readmodels.DecodeCursor(s)
		if err != nil {
			require.ErrorIs(t, err, readmodels.ErrCursor)
			return
		}
		again, err := readmodels.DecodeCursor(readmodels.EncodeCursor(k))
		require.NoError(t, err)
		require.Equal(t, k, again)
	})
}
