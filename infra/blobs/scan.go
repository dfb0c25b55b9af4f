package blobs

import (
	"context"
	"fmt"
	"io"
)

// Scanner looks for viruses. Safe for concurrent use.
type Scanner interface {
	// Scan answers what content is infected with, empty if it is clean; an error means that nothing is known of it.
	Scan(ctx context.Context, content io.Reader) (virus string, err error)
}

// scan streams the spooled content to the scanner. It comes last before storing, so that a slow sender holds none of
// the scanner's few threads and only what would be taken is scanned. What is there already is scanned too: the
// scanner may have learned since.
func (s *Store) scan(ctx context.Context, b Blob, content io.ReadSeeker) error {
	if s.Scanner == nil {
		return nil
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return storing(err)
	}
	virus, err := s.Scanner.Scan(ctx, content)
	switch {
	case err == nil && virus != "":
		return ErrInfected.With(map[string]any{"virus": virus})
	case err == nil:
		return nil
	case s.ScanRequired || ctx.Err() != nil:
		return fmt.Errorf("scan content: %w: %w", ErrScannerAway, err)
	}
	s.Logger.WarnContext(ctx, "content is taken without a virus scan", "sha256", b.SHA256, "error", err)
	return nil
}
