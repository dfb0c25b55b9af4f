package sqlite

import (
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"

	"zhiping/readmodels"
)

// Errors of this adapter beside those of the port.
var (
	// ErrInUse: another process, or another Store of this one, has the file.
	ErrInUse = errors.New("sqlite read store: in use by another process")
	// ErrForeign: the file is a SQLite database of something else; it is not touched.
	ErrForeign = errors.New("sqlite read store: the file belongs to another program")
	// ErrDamaged: the file is damaged. Restart the program: it is moved aside then and the views are rebuilt.
	ErrDamaged = errors.New("sqlite read store: the file is damaged; it is rebuilt at the next start")
)

// classify maps what SQLite answers to the port's errors, and leaves a marker when the file is damaged, so that the
// next start replaces it.
func (s *Store) classify(err error) error {
	switch {
	case err == nil:
		return nil
	case damaged(err):
		if werr := os.WriteFile(s.marker(), []byte(err.Error()+"\n"), 0o600); werr != nil {
			err = errors.Join(err, werr)
		}
		return fmt.Errorf("%w: %w: %w", readmodels.ErrUnavailable, ErrDamaged, err)
	}
	switch code(err) {
	case codeBusy, codeLocked, codeIO, codeFull, codeCantOpen, codeReadOnly, codeNoMemory:
		return fmt.Errorf("%w: %w", readmodels.ErrUnavailable, err)
	}
	return err
}

// SQLite's primary result codes.
const (
	codeBusy     = 5
	codeLocked   = 6
	codeNoMemory = 7
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func damaged(err error) bool {
	c := code(err)
	return c == codeCorrupt || c == codeNotADB || errors.Is(err, errFormat)
}
