package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"zhiping/domain/catalog"
	"zhiping/domain/notice"
	"zhiping/infra/blobs"
)

// watched tells how much memory is in use while it is read.
type watched struct {
	io.Reader
	read int
	peak uint64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if before := w.read >> 23; (w.read+n)>>23 != before { // every 8 MiB
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.peak = max(w.peak, m.HeapAlloc)
	}
	w.read += n
	return n, err
}

func TestALargeUploadIsNeverWholeInMemory(t *testing.T) {
	s, _ := open(t)
	const size = 200 << 20
	limit := blobs.Limit{MaxBytes: size + 1<<20, Types: []string{"text/plain"}} // nothing has to be opened
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	up := &watched{Reader: io.LimitReader(endless{}, size)}
	var b blobs.Blob
	var err error
	used := allocated(func() { b, err = s.Put(context.Background(), up, limit) })
	if err != nil || b.Size != size {
		t.Fatalf("%d bytes, %v", b.Size, err)
	}
	if up.peak > m.HeapAlloc+16<<20 || used > 32<<20 {
		t.Fatalf("at %d MiB in use while %d MiB came in, %d MiB allocated", up.peak>>20, size>>20, used>>20)
	}
	r, err := s.Reader(context.Background(), b.SHA256, size-3, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if end, err := io.ReadAll(r); err != nil || string(end) != "aaa" {
		t.Fatalf("%q, %v", end, err)
	}
}

// The largest picture that a notice may ask for is one that is looked at.
func TestTheLargestPhotoOfANoticeIsTaken(t *testing.T) {
	s, _ := open(t)
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, notice.MaxSide, notice.MaxSide)), nil); err != nil {
		t.Fatal(err)
	}
	limit := blobs.Limit{MaxBytes: notice.MaxFileBytes, Types: []string{"image/jpeg"}, Pixels: []catalog.Pixels{{Width: notice.MaxSide, Height: notice.MaxSide}}}
	if _, err := s.Put(t.Context(), &picture, limit); err != nil {
		t.Fatal(err)
	}
}

// endless is text that does not end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestASenderThatStopsLeavesNothingAndIsToldFromAFullDisk(t *testing.T) {
	spool := t.TempDir()
	t.Setenv("TMPDIR", spool)
	s, dir := open(t)
	half := page("")[:60]
	for _, fault := range []error{errors.New("connection reset"), io.ErrUnexpectedEOF} {
		_, err := s.Put(context.Background(), io.MultiReader(bytes.NewReader(half), failed{fault}), evidence)
		if !errors.Is(err, blobs.ErrBrokenOff) || !errors.Is(err, fault) {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(spool)
	if err != nil || len(left) != 0 || count(t, dir) != 0 {
		t.Fatalf("%v in the spool, %d in the bucket, %v", left, count(t, dir), err)
	}
}

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// disk is a file system with so many bytes.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a small file system can only be mounted by root: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	return dir
}

func TestAFullDiskIsToldAndLosesNothing(t *testing.T) {
	large := append(page("% large\n"), []byte("%"+strings.Repeat("x", 100<<10)+"\n")...)
	large = append(large, page("")...) // 100 KiB, and whole at its end
	t.Run("of the bucket", func(t *testing.T) {
		dir := disk(t, "80k")
		s, err := blobs.Open(context.Background(), blobs.Config{URL: "file://" + dir + "?no_tmp_dir=true"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		before := put(t, s, "before")
		if _, err := s.Put(context.Background(), bytes.NewReader(large), evidence); !errors.Is(err, blobs.ErrFull) {
			t.Fatal(err)
		}
		if !there(s, before) || count(t, dir) != 1 {
			t.Fatalf("what was there: %v; %d files", there(s, before), count(t, dir))
		}
		put(t, s, "after") // there is room for less
		filler := filepath.Join(dir, "filler")
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(f, endless{}) // until nothing is left
		_ = f.Close()
		if _, err := s.Put(context.Background(), bytes.NewReader(page("% full\n")), evidence); !errors.Is(err, blobs.ErrFull) {
			t.Fatal(err)
		}
		if got := put(t, s, "before"); got != before { // what is there takes no room
			t.Fatal(got)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		put(t, s, "full")
	})
	t.Run("of the spool", func(t *testing.T) {
		s, dir := open(t)
		t.Setenv("TMPDIR", disk(t, "80k"))
		if _, err := s.Put(context.Background(), bytes.NewReader(large), evidence); !errors.Is(err, blobs.ErrFull) {
			t.Fatal(err)
		}
		put(t, s, "after")
		if count(t, dir) != 1 {
			t.Fatalf("%d files", count(t, dir))
		}
	})
}
