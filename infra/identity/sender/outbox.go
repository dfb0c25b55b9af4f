package sender

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Outbox writes each message to a file of its own in a folder that only the operator can read.
type Outbox struct {
	Dir   string
	Clock func() time.Time
}

// Send writes the message under a name that sorts by time. The file appears whole or not at all.
func (o Outbox) Send(_ context.Context, m Message) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	now := o.Clock().UTC()
	data, err := json.MarshalIndent(struct {
		At time.Time
		Message
	}{now, m}, "", "  ")
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	tmp, err := os.CreateTemp(o.Dir, ".part-*")
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone already when the rename worked
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Close()
	}
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	name := now.Format("20060102T150405.000000000Z") + "-" + fileSafe(m.Kind) + "-" + fileSafe(m.ID) + ".json"
	if err := os.Rename(tmp.Name(), filepath.Join(o.Dir, name)); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// fileSafe keeps what cannot leave the folder.
func fileSafe(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '_'
	}, s)
}
