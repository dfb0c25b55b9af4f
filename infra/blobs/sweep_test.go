package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zhiping/infra/blobs"
)

func put(t testing.TB, s *blobs.Store, note string) string {
	t.Helper()
	b, err := s.Put(context.Background(), bytes.NewReader(page("% "+note+"\n")), evidence)
	if err != nil {
		t.Fatal(err)
	}
	return b.SHA256
}

func there(s *blobs.Store, sha string) bool {
	r, err := s.Reader(context.Background(), sha, 0, -1)
	if err == nil {
		_ = r.Close()
	}
	return err == nil
}

func age(t testing.TB, dir, sha string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	for _, ending := range []string{"", ".attrs"} {
		if err := os.Chtimes(filepath.Join(dir, sha[:2], sha)+ending, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func referenced(shas ...string) func(string) bool {
	return func(sha string) bool {
		for _, s := range shas {
			if s == sha {
				return true
			}
		}
		return false
	}
}

func TestASweepTakesOnlyOldContentThatNoEventNames(t *testing.T) {
	ctx := context.Background()
	s, dir := open(t)
	named, fresh, old, half := put(t, s, "named"), put(t, s, "fresh"), put(t, s, "old"), put(t, s, "half")
	for _, sha := range []string{named, old, half} {
		age(t, dir, sha, 48*time.Hour)
	}
	// A process that ended between the two deletions, a write that broke off, and a file of somebody else.
	if err := os.Remove(filepath.Join(dir, half[:2], half)); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-48 * time.Hour)
	for _, name := range []string{"ab/abc.17f.tmp", "notes.txt"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600), os.Chtimes(path, long, long)); err != nil {
			t.Fatal(err)
		}
	}
	sweep := blobs.Sweep{Referenced: referenced(named), Started: time.Now(), Grace: 24 * time.Hour, DryRun: true}
	size := int64(len(page("% old\n")))
	want := blobs.Swept{Kept: 1, Young: 1, Deleted: 1, KeptBytes: int64(len(page("% named\n"))), YoungBytes: int64(len(page("% fresh\n"))), DeletedBytes: size, Leftovers: 2}
	if got, err := s.Sweep(ctx, sweep); err != nil || got != want {
		t.Fatalf("dry: %+v, %v", got, err)
	}
	if !there(s, old) {
		t.Fatal("a dry run deleted")
	}
	sweep.DryRun = false
	if got, err := s.Sweep(ctx, sweep); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	if there(s, old) || !there(s, named) || !there(s, fresh) {
		t.Fatalf("old %v, named %v, fresh %v", there(s, old), there(s, named), there(s, fresh))
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Fatal(err)
	}
	want.Deleted, want.DeletedBytes, want.Leftovers = 0, 0, 0
	if got, err := s.Sweep(ctx, sweep); err != nil || got != want {
		t.Fatalf("again: %+v, %v", got, err)
	}
	sweep.Grace = time.Minute
	if _, err := s.Sweep(ctx, sweep); err == nil {
		t.Fatal("a grace that cannot be safe was taken")
	}
}

// Content is uploaded again after the sweep has read the log, and before it comes to it.
func TestContentThatIsUploadedAgainDuringASweepStays(t *testing.T) {
	s, dir := open(t)
	sha := put(t, s, "again")
	age(t, dir, sha, 48*time.Hour)
	uploaded := false
	got, err := s.Sweep(context.Background(), blobs.Sweep{Started: time.Now(), Grace: blobs.MinGrace, Referenced: func(string) bool {
		uploaded = true
		return put(t, s, "again") != sha // after it was listed as old, before it is deleted
	}})
	if err != nil || !uploaded || got.Young != 1 || got.Deleted != 0 || !there(s, sha) {
		t.Fatalf("%+v, %v; there: %v", got, err, there(s, sha))
	}
}

func TestUploadsAndSweepsAtOnceLoseNothing(t *testing.T) {
	s, dir := open(t)
	const contents = 20
	var shas []string
	for i := range contents {
		shas = append(shas, put(t, s, fmt.Sprint(i)))
	}
	for round := range 10 {
		for _, sha := range shas {
			if there(s, sha) {
				age(t, dir, sha, 48*time.Hour)
			}
		}
		started := time.Now()
		var wg sync.WaitGroup
		wg.Add(2)
		go func() {
			defer wg.Done()
			// Half of the contents, in the order of the sweep's or against it, so that they meet.
			for i := range contents {
				if k := (i*7 + round) % contents; k%2 == 0 {
					put(t, s, fmt.Sprint(k))
				}
			}
		}()
		go func() {
			defer wg.Done()
			if _, err := s.Sweep(context.Background(), blobs.Sweep{Referenced: referenced(), Started: started, Grace: blobs.MinGrace}); err != nil {
				t.Error(err)
			}
		}()
		wg.Wait()
		for i := 0; i < contents; i += 2 {
			if !there(s, shas[i]) {
				t.Fatalf("round %d: content that was uploaded during the sweep is gone", round)
			}
		}
	}
}

func TestASweepThatIsEndedGoesOnNextTime(t *testing.T) {
	s, dir := open(t)
	var shas []string
	for i := range 30 {
		shas = append(shas, put(t, s, fmt.Sprint(i)))
		age(t, dir, shas[i], 48*time.Hour)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asked := 0
	w := blobs.Sweep{Started: time.Now(), Grace: 24 * time.Hour, Referenced: func(sha string) bool {
		if asked++; asked == 10 {
			cancel()
		}
		return sha == shas[3]
	}}
	if _, err := s.Sweep(ctx, w); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	left := 0
	for _, sha := range shas {
		if there(s, sha) {
			left++
		}
	}
	if left < 10 || left == len(shas) {
		t.Fatalf("%d are left: the sweep was not ended in its middle", left)
	}
	if got, err := s.Sweep(context.Background(), w); err != nil || got.Kept != 1 || got.Deleted != left-1 || !there(s, shas[3]) {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, shas[3]) && d.Name() != ".lock" {
			t.Errorf("%s is left", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
