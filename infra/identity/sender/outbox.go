package sender

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Outbox writes each message to a file of its own in a folder that only the operator can read. Messages name people, so
// whoever fills the folder empties it with Sweep and Forget.
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
	if err := os.Chtimes(tmp.Name(), now, now); err != nil { // Sweep goes by our clock, and not by the disk's
		return fmt.Errorf("outbox: %w", err)
	}
	name := now.Format("20060102T150405.000000000Z") + "-" + fileSafe(m.Kind) + "-" + fileSafe(m.ID) + ".json"
	if err := os.Rename(tmp.Name(), filepath.Join(o.Dir, name)); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// Sweep deletes the messages from before a time, and what a crash has left of one.
func (o Outbox) Sweep(before time.Time) error {
	return o.remove(func(_ string, info fs.FileInfo) (bool, error) { return info.ModTime().Before(before), nil })
}

// Forget deletes the messages to a person, who is known by the phone or the e-mail address.
func (o Outbox) Forget(phone, email string) error {
	return o.remove(func(name string, _ fs.FileInfo) (bool, error) {
		data, err := os.ReadFile(filepath.Join(o.Dir, name)) // #nosec G304 -- a name that ReadDir gave
		if err != nil {
			return false, err
		}
		var m Message
		if json.Unmarshal(data, &m) != nil { // somebody else's, or half of one that Sweep will take
			return false, nil //nolint:nilerr // not a message to forget
		}
		return phone != "" && m.Phone == phone || email != "" && m.Email == email, nil
	})
}

// remove deletes the files that it is told to. One that is gone already is as good as deleted.
func (o Outbox) remove(which func(name string, info fs.FileInfo) (bool, error)) error {
	entries, err := os.ReadDir(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".json") && !strings.HasPrefix(e.Name(), ".part-") {
			continue
		}
		info, err := e.Info()
		gone := false
		if err == nil {
			gone, err = which(e.Name(), info)
		}
		if err == nil && gone {
			err = os.Remove(filepath.Join(o.Dir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("outbox: %w", err))
		}
	}
	return errors.Join(errs...)
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
