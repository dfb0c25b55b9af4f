package bench

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The figures mean nothing here; that each is measured, and without an error, does.
func TestTheBenchesMeasure(t *testing.T) {
	t.Parallel()
	last := func(out bytes.Buffer, into any) {
		t.Helper()
		lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		require.NoError(t, json.Unmarshal(lines[len(lines)-1], into), out.String())
	}
	var out bytes.Buffer
	require.NoError(t, Views{Declarations: 60, Together: 10, Callers: 4, Readers: 4, Duration: 300 * time.Millisecond, People: 8, Rebuild: true, Data: t.TempDir()}.Run(t.Context(), &out))
	var views viewsResult
	last(out, &views)
	require.Positive(t, views.RebuildPerS)
	require.Len(t, views.Figures, 5)
	for _, f := range views.Figures {
		require.Zero(t, f.Errors, f.Name)
		require.Positive(t, f.PerSec, f.Name)
	}
	out.Reset()
	some := Views{Declarations: 60, Together: 10, Rebuild: true, Views: []string{"timeline", "audit"}, Data: t.TempDir()}
	require.NoError(t, some.Run(t.Context(), &out))
	views = viewsResult{}
	last(out, &views)
	require.Positive(t, views.RebuildPerS)
	require.Empty(t, views.Figures)
	some.Views = []string{"timelines"}
	require.ErrorContains(t, some.Run(t.Context(), &out), "audit, bindings")
	out.Reset()
	require.NoError(t, HTTP{Callers: 4, Duration: 300 * time.Millisecond}.Run(t.Context(), &out))
	var figures []figure
	last(out, &figures)
	require.Len(t, figures, 3)
	for _, f := range figures {
		require.Zero(t, f.Errors, f.Name)
	}
}
