package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/projections/folds"
	"zhiping/readmodels/views"
)

func TestProjectionsAreLookedAfterFromTheCommandLine(t *testing.T) {
	data := t.TempDir()
	zhiping := func(args ...string) string {
		var out bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		require.NoError(t, world.Run(ctx, append(append([]string{"projections"}, args...), "--data", data), &out, &out), out.String())
		return out.String()
	}
	require.Contains(t, zhiping("rebuild", "history"), fmt.Sprintf("history version %d is live", views.Histories.Version))
	require.Contains(t, zhiping("rebuild", "history"), fmt.Sprintf("history version %d is live", 1_000_000+views.Histories.Version))
	list := zhiping("list")
	for _, f := range folds.All() {
		require.Contains(t, list, f.Spec().Name)
	}
	require.Equal(t, len(folds.All()), strings.Count(list, "live"), list)
	require.Contains(t, zhiping("status"), "100.0%")
	require.Contains(t, zhiping("replay-parked", "history"), "still parked")
	require.NotContains(t, zhiping("parked"), "history")

	var out bytes.Buffer
	require.ErrorContains(t, world.Run(t.Context(), []string{"projections", "rebuild", "nothing", "--data", data}, &out, &out), "no such projection")
}
