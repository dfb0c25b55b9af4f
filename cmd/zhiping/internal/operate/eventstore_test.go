package operate

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// eventstoreCLI runs the event store's commands as the program does.
func eventstoreCLI(ctx context.Context, out io.Writer, args ...string) error {
	var c struct {
		Eventstore Eventstore `cmd:""`
	}
	p, err := kong.New(&c, kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(out, (*io.Writer)(nil)))
	if err != nil {
		return err
	}
	k, err := p.Parse(args)
	if err != nil {
		return err
	}
	return k.Run()
}

func TestEventstoreServesVerifiesAndBacksUp(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		served <- eventstoreCLI(ctx, io.Discard, "eventstore", "--data", dir, "--addr", "127.0.0.1:0")
	}()
	defer func() { cancel(); <-ended }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, "events.sqlite"))
		return err == nil && eventstoreCLI(ctx, io.Discard, "eventstore", "verify", "--data", dir) == nil
	}, 5*time.Second, 20*time.Millisecond)
	copied := filepath.Join(t.TempDir(), "copy")
	var out bytes.Buffer
	require.NoError(t, eventstoreCLI(ctx, &out, "eventstore", "backup", "--data", dir, "--to", copied))
	require.Contains(t, out.String(), "sound")
	require.Error(t, eventstoreCLI(ctx, &out, "eventstore", "backup", "--data", dir, "--to", copied), "never onto an old copy")
	require.Error(t, eventstoreCLI(ctx, &out, "eventstore", "--data", dir, "--addr", "127.0.0.1:0"), "in use")
	cancel()
	require.NoError(t, <-served)
}

func TestEventstoreRefusesToBeOpenToTheNetwork(t *testing.T) {
	err := eventstoreCLI(t.Context(), io.Discard, "eventstore", "--data", t.TempDir(), "--addr", "0.0.0.0:0")
	require.ErrorContains(t, err, "needs TLS and users")
}
