package ferretdbtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/infra/limits"
)

// Counts that one node keeps are seen by another, and end when they expire.
func TestLimitsAreSharedBetweenNodes(t *testing.T) {
	uri := server(t)
	now := time.Now()
	clock := func() time.Time { return now }
	open := func() *limits.Store {
		s, err := limits.Open(t.Context(), uri, "limits_test", clock)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	one, other := open(), open()
	got, err := other.Get("address 192.0.2.1")
	require.NoError(t, err)
	require.Nil(t, got)
	require.NoError(t, one.Set("address 192.0.2.1", []byte{1}, time.Minute))
	require.NoError(t, one.Set("address 192.0.2.1", []byte{2}, time.Minute))
	got, err = other.Get("address 192.0.2.1")
	require.NoError(t, err)
	require.Equal(t, []byte{2}, got)
	now = now.Add(time.Minute)
	got, err = other.Get("address 192.0.2.1")
	require.NoError(t, err)
	require.Nil(t, got, "expired")
	require.NoError(t, one.Set("b", []byte{3}, 0))
	require.NoError(t, other.Delete("b"))
	got, err = one.Get("b")
	require.NoError(t, err)
	require.Nil(t, got)
	require.NoError(t, other.Reset())
}
