package blobs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// MinGrace is the least age at which a sweep may take content away: content is at most `young` old when an upload
// ends, and an event names it within the request, which ends long before the difference has passed.
const MinGrace = time.Hour

// young is the age below which content that is uploaded again needs no new modification time.
const young = 10 * time.Minute

// Sweep says what to take away.
type Sweep struct {
	// Referenced tells whether an event names the content. What it knows must include every event up to the head of the
	// log at or after Started.
	Referenced func(sha string) bool
	Started    time.Time
	Grace      time.Duration // at least MinGrace
	DryRun     bool
}

// Swept counts what a sweep found. Bytes are of content as stored.
type Swept struct {
	Kept, Young, Deleted                int // named by an event; too new to tell; taken away
	KeptBytes, YoungBytes, DeletedBytes int64
	Leftovers                           int // what writes that broke off left behind
}

// Sweep deletes content that no event names, once it is older than the grace. It may run while servers take uploads:
// an upload of content that is there makes it young again, and the age is looked at once more for each deletion, in a
// file bucket while no upload can come between. Other buckets have no lock: there, a sweep that is stopped for longer
// than it takes to upload, between a last look and its deletion, could take away content that was uploaded again in
// that moment. Ending it at any point loses nothing; the next one goes on.
func (s *Store) Sweep(ctx context.Context, w Sweep) (Swept, error) {
	var out Swept
	if w.Grace < MinGrace {
		return out, fmt.Errorf("blobs: a grace of %s is too short to be safe, the least is %s", w.Grace, MinGrace)
	}
	before := w.Started.Add(-w.Grace)
	all := s.bucket.List(nil)
	for {
		o, err := all.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, fmt.Errorf("blobs: list: %w", err)
		}
		if err := s.sweepOne(ctx, o, w, before, &out); err != nil {
			return out, err
		}
	}
	if s.dir == "" {
		return out, nil
	}
	return out, s.sweepSidecars(ctx, w, before, &out)
}

func (s *Store) sweepOne(ctx context.Context, o *blob.ListObject, w Sweep, before time.Time, out *Swept) error {
	sha, ours := shaOf(o.Key)
	leftover := !ours && strings.HasSuffix(o.Key, ".tmp")
	switch {
	case !ours && !leftover: // somebody else's; not ours to judge
		return nil
	case ours && w.Referenced(sha):
		out.Kept, out.KeptBytes = out.Kept+1, out.KeptBytes+o.Size
		return nil
	}
	gone := !o.ModTime.After(before)
	if gone && !w.DryRun {
		var err error
		if gone, err = s.deleteOld(ctx, o.Key, before); err != nil {
			return err
		}
	}
	switch {
	case !gone:
		out.Young, out.YoungBytes = out.Young+1, out.YoungBytes+o.Size
	case leftover:
		out.Leftovers++
	default:
		out.Deleted, out.DeletedBytes = out.Deleted+1, out.DeletedBytes+o.Size
	}
	return nil
}

// deleteOld deletes a key unless it has become young since it was listed. What is gone already counts as deleted.
func (s *Store) deleteOld(ctx context.Context, key string, before time.Time) (bool, error) {
	unlock, err := s.exclude(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	have, err := s.bucket.Attributes(ctx, key)
	if err == nil && have.ModTime.After(before) {
		return false, nil
	}
	if err == nil {
		err = s.bucket.Delete(ctx, key)
	}
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return false, fmt.Errorf("blobs: delete %s: %w", key, err)
	}
	return true, nil
}

// sidecar is the ending of the files in which a file bucket keeps attributes. One is left without its content when a
// process ends between the two deletions.
const sidecar = ".attrs"

func (s *Store) sweepSidecars(ctx context.Context, w Sweep, before time.Time, out *Swept) error {
	return filepath.WalkDir(s.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, sidecar) {
			return ignoreMissing(err)
		}
		if info, err := d.Info(); err != nil || info.ModTime().After(before) {
			return ignoreMissing(err)
		}
		unlock, err := s.exclude(ctx)
		if err != nil {
			return err
		}
		defer unlock()
		if _, err := os.Stat(strings.TrimSuffix(name, sidecar)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		out.Leftovers++
		if w.DryRun {
			return nil
		}
		return ignoreMissing(os.Remove(name)) // #nosec G122 -- a link is removed itself, and the folder is the program's own
	})
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// shaOf reads the hash out of a key; ok is false for a key that Put never makes.
func shaOf(k string) (sha string, ok bool) {
	sha = path.Base(k)
	if raw, err := hex.DecodeString(sha); err != nil || len(raw) != 32 || k != key(strings.ToLower(sha)) {
		return "", false
	}
	return sha, true
}

// lockName is the file in a file bucket by which uploads and a sweep's deletions keep out of each other's way, also
// in different processes. The system lets go of it when a process ends.
const (
	lockName  = ".lock"
	lockPause = 2 * time.Millisecond
)

// share keeps deletions out until unlock is called.
func (s *Store) share(ctx context.Context) (unlock func(), err error) {
	return s.lock(ctx, (*flock.Flock).TryRLockContext)
}

// exclude keeps uploads out until unlock is called, which must be soon.
func (s *Store) exclude(ctx context.Context) (unlock func(), err error) {
	return s.lock(ctx, (*flock.Flock).TryLockContext)
}

func (s *Store) lock(ctx context.Context, take func(*flock.Flock, context.Context, time.Duration) (bool, error)) (func(), error) {
	if s.dir == "" {
		return func() {}, nil
	}
	l := flock.New(filepath.Join(s.dir, lockName))
	if _, err := take(l, ctx, lockPause); err != nil {
		_ = l.Close()
		return nil, storing(fmt.Errorf("lock the bucket: %w", err))
	}
	return func() { _ = l.Close() }, nil
}
