package bench

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBenchEventstorePrintsJSON(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Eventstore{Callers: []int{4}, Duration: 50 * time.Millisecond, Payload: 256, Events: 200}.Run(t.Context(), &out))
	require.Contains(t, out.String(), `"perSecond"`)
}

func TestBenchStartPrintsJSON(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Start{Declarations: 5, Times: 1}.Run(t.Context(), &out))
	require.Contains(t, out.String(), `"medianMs"`)
}
