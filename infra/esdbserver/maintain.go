package esdbserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"zhiping/infra/esdbserver/internal/store"
)

// ErrFaults is what Verify answers when the data directory is damaged.
var ErrFaults = errors.New("the event store has faults")

// Verify checks a data directory, which a server may be using, and writes what it found to w: SQLite's integrity,
// revisions without gaps, positions in order, metadata as the events say. It answers ErrFaults when something is
// wrong, and another error when it could not find out.
func Verify(ctx context.Context, dir string, w io.Writer) error {
	r, err := store.Verify(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d events in %d streams, newest position %d\n", r.Events, r.Streams, r.Position)
	for _, f := range r.Faults {
		fmt.Fprintln(w, f)
	}
	if len(r.Faults) > 0 {
		return fmt.Errorf("%w: %d", ErrFaults, len(r.Faults))
	}
	fmt.Fprintln(w, "sound: integrity, revisions, positions and metadata agree")
	return nil
}

// Backup writes a consistent copy of a data directory, which a server may be using, into the new directory dest.
// The copy is complete: it is restored by using it as a data directory.
func Backup(ctx context.Context, dir, dest string) error {
	if err := makeNew(dest); err != nil {
		return err
	}
	return store.Backup(ctx, filepath.Join(dir, store.FileName), filepath.Join(dest, store.FileName))
}

// makeNew makes a directory, which may exist only if it is empty: a backup must never mix with anything.
func makeNew(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("backup: %s is not empty", dir)
	}
	return nil
}
