package node

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/infra/identity"
)

// A database of accounts that is away for a moment must not end the node that follows grants into it.
func TestANodeOutlivesAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	n := &Node{Logger: slog.New(slog.DiscardHandler)}
	tries := 0
	require.NoError(t, n.retryUnavailable(t.Context(), "follow", func() error {
		if tries++; tries == 1 {
			return fmt.Errorf("identity: begin: %w", errors.Join(identity.ErrStoreAway, errors.New("connection refused")))
		}
		return nil
	}))
	require.Equal(t, 2, tries)
	broken := errors.New("an event type that nobody knows")
	require.ErrorIs(t, n.retryUnavailable(t.Context(), "follow", func() error { return broken }), broken, "which no waiting repairs")
}
