// Package blobs keeps the content of attachments in a bucket, under its SHA-256: the same content is stored once,
// and what an event names can never change. Content is looked at before it is taken: its type is found from its
// bytes, pictures are measured and decoded, PDFs are opened. It knows nothing of declarations.
package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file:// buckets
	_ "gocloud.dev/blob/memblob"  // mem:// buckets
	_ "gocloud.dev/blob/s3blob"   // s3:// buckets
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/semaphore"

	"zhiping/domain"
	"zhiping/domain/catalog"
)

// The refusals of this package; the inspection's own are in inspect.go.
var (
	ErrTooLarge    = domain.NewError(domain.TooLarge, "upload_too_large")
	ErrUnavailable = domain.NewError(domain.Unavailable, "blob_store_unavailable")
	ErrFull        = domain.NewError(domain.Unavailable, "storage_full")
	ErrMissing     = domain.NewError(domain.NotFound, "content_not_found")
	ErrBrokenOff   = domain.NewError(domain.Malformed, "upload_broken_off")
	ErrInfected    = domain.NewError(domain.Invalid, "upload_infected")
	ErrScannerAway = domain.NewError(domain.Unavailable, "virus_scan_unavailable")
)

// Limit says what content is taken.
type Limit struct {
	MaxBytes int64
	Types    []string         // MIME types by content
	Pixels   []catalog.Pixels // any of these sizes; empty: not measured
}

// Blob is content as it was stored.
type Blob struct {
	SHA256 string // lower-case hexadecimal
	Size   int64
	Type   string // MIME type by content
}

// Config says where content is kept and what it must pass.
type Config struct {
	URL     string  // of a bucket that gocloud.dev/blob knows: file, s3 or mem
	Scanner Scanner // nil: content is not scanned
	// ScanRequired refuses content that cannot be scanned now; otherwise it is taken, and Logger told.
	ScanRequired bool
	Logger       *slog.Logger // nil: nobody is told
}

// Store is a bucket. Safe for concurrent use.
type Store struct {
	Config
	bucket *blob.Bucket
	room   *semaphore.Weighted // bytes that content is unfolded to while it is looked at
	dir    string              // of a file bucket, to make writes durable; empty for others, whose services acknowledge durably
}

// Open opens the bucket.
func Open(ctx context.Context, c Config) (*Store, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{Config: c, room: semaphore.NewWeighted(workingRoom)}
	if u.Scheme == "file" {
		s.dir = filepath.FromSlash(u.Path)
	}
	if s.bucket, err = blob.OpenBucket(ctx, c.URL); err != nil {
		return nil, fmt.Errorf("blobs: open bucket: %w", err)
	}
	return s, nil
}

// Close ends the use of the bucket.
func (s *Store) Close() error {
	if err := s.bucket.Close(); err != nil {
		return fmt.Errorf("blobs: close bucket: %w", err)
	}
	return nil
}

// Put takes content in: it is spooled to a temporary file while it is hashed, never held in memory whole, looked
// at, and stored durably under its hash before Put returns. A refusal leaves nothing behind.
func (s *Store) Put(ctx context.Context, r io.Reader, limit Limit) (Blob, error) {
	spool, err := os.CreateTemp("", "zhiping-upload-")
	if err != nil {
		return Blob{}, storing(err)
	}
	_ = os.Remove(spool.Name()) // it lives as long as it is open, so that a crash leaves nothing; not on every system
	defer func() { _ = spool.Close(); _ = os.Remove(spool.Name()) }()
	hash, from := sha256.New(), &sender{Reader: r}
	size, err := io.Copy(io.MultiWriter(spool, hash), io.LimitReader(from, limit.MaxBytes+1))
	if from.err != nil {
		return Blob{}, fmt.Errorf("receive content: %w: %w", ErrBrokenOff, from.err)
	}
	if err != nil {
		return Blob{}, storing(err)
	}
	if size > limit.MaxBytes {
		return Blob{}, ErrTooLarge.With(map[string]any{"maxKB": limit.MaxBytes / 1024})
	}
	b := Blob{SHA256: hex.EncodeToString(hash.Sum(nil)), Size: size}
	if b.Type, err = s.inspect(ctx, spool, limit); err != nil {
		return Blob{}, err
	}
	if err := s.scan(ctx, b, spool); err != nil {
		return Blob{}, err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return Blob{}, storing(err)
	}
	return b, s.keep(ctx, b, spool)
}

// sender remembers why no more comes, to tell it from a disk that takes no more.
type sender struct {
	io.Reader
	err error
}

func (s *sender) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// keep stores content that is not there yet. It shares the bucket with other uploads but not with a sweep's deletion:
// content that is there already must be young when keep returns, so that no sweep takes it away before an event names it.
func (s *Store) keep(ctx context.Context, b Blob, content io.Reader) error {
	unlock, err := s.share(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	key := key(b.SHA256)
	if have, err := s.bucket.Attributes(ctx, key); err == nil && have.Size == b.Size {
		if time.Since(have.ModTime) < young { // the bucket's clock is the real one
			return nil
		}
		if s.dir != "" {
			now := time.Now()
			return storing(os.Chtimes(s.path(key), now, now))
		}
	}
	// The writer must be told to give up, or Close would store half of the content.
	writing, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(writing, key, &blob.WriterOptions{ContentType: b.Type})
	if err != nil {
		return storing(err)
	}
	if _, err := io.Copy(w, content); err != nil {
		cancel()
		_ = w.Close()
		return storing(err)
	}
	if err := w.Close(); err != nil {
		return storing(err)
	}
	if s.dir == "" {
		return nil
	}
	return storing(syncFile(s.path(key)))
}

// Reader reads length bytes from an offset; length -1 means to the end. ErrMissing where there is no such content.
func (s *Store) Reader(ctx context.Context, sha string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.bucket.NewRangeReader(ctx, key(sha), offset, length, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, ErrMissing
	}
	if err != nil {
		return nil, fmt.Errorf("read content: %w: %w", ErrUnavailable, err)
	}
	return r, nil
}

// key spreads content over 256 folders, since some file systems slow down with very many files in one.
func key(sha string) string { return sha[:2] + "/" + sha }

// path is the file of a key in a file bucket.
func (s *Store) path(key string) string { return filepath.Join(s.dir, filepath.FromSlash(key)) }

// storing tells a full disk from a store that is away; the bucket wraps the operating system's error.
func storing(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("store content: %w: %w", ErrFull, err)
	}
	return fmt.Errorf("store content: %w: %w", ErrUnavailable, err)
}

// syncFile makes a renamed file durable: its content, and its name in the folder.
func syncFile(path string) error {
	for _, p := range []string{path, filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		f, err := os.Open(p) // #nosec G304 -- the path is made of the bucket's folder and a hash
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
