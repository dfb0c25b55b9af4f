package blobs_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/infra/blobs"
)

func open(t testing.TB) (*blobs.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := blobs.Open(context.Background(), blobs.Config{URL: "file://" + dir + "?no_tmp_dir=true"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, dir
}

var evidence = blobs.Limit{MaxBytes: 1 << 20, Types: []string{"application/pdf", "image/jpeg", "image/png"}}

func picture(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// page is a whole document with one page; extra goes into its trailer.
func page(extra string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> >>",
		"<< /Filter /Standard /V 1 /R 2 /O (" + strings.Repeat("o", 32) + ") /U (" + strings.Repeat("u", 32) + ") /P -4 >>"}
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	b.WriteString("xref\n0 5\n0000000000 65535 f \n")
	for _, o := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size 5 /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", extra, xref)
	return b.Bytes()
}

func bomb(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8000, 8000))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsTakenAndWhatIsRefused(t *testing.T) {
	s, dir := open(t)
	var zipped bytes.Buffer
	w := zip.NewWriter(&zipped)
	_, _ = w.Create("a.txt")
	_ = w.Close()
	exact := evidence
	exact.Pixels = []catalog.Pixels{{Width: 413, Height: 626}}
	jpg := picture(t, 413, 626)
	for name, ex := range map[string]struct {
		content []byte
		limit   blobs.Limit
		typ     string
		err     *domain.Error
	}{
		"a photo of the right size":     {jpg, exact, "image/jpeg", nil},
		"a photo of another size":       {picture(t, 100, 100), exact, "", blobs.ErrPixels},
		"a PDF":                         {page(""), evidence, "application/pdf", nil},
		"an encrypted PDF":              {page("/Encrypt 4 0 R /ID [<00><00>]"), evidence, "", blobs.ErrEncrypted},
		"the first half of a PDF":       {page("")[:60], evidence, "", blobs.ErrPDF},
		"half a photo":                  {jpg[:len(jpg)/2], evidence, "", blobs.ErrPicture},
		"a picture that claims the sky": {bomb(t), evidence, "", blobs.ErrPixels},
		"a zip":                         {zipped.Bytes(), evidence, "", blobs.ErrType},
		"a page of HTML":                {[]byte("<html></html>"), evidence, "", blobs.ErrType},
		"nothing":                       {nil, evidence, "", blobs.ErrEmpty},
		"too much":                      {append(page(""), make([]byte, 1<<20)...), evidence, "", blobs.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := s.Put(context.Background(), bytes.NewReader(ex.content), ex.limit)
			if ex.err != nil {
				if !errors.Is(err, ex.err) {
					t.Fatalf("%v, want %v", err, ex.err)
				}
				return
			}
			if err != nil || b.Type != ex.typ || b.Size != int64(len(ex.content)) {
				t.Fatalf("%+v, %v", b, err)
			}
			r, err := s.Reader(context.Background(), b.SHA256, 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got, _ := io.ReadAll(r); !bytes.Equal(got, ex.content) {
				t.Fatal("it comes back changed")
			}
		})
	}
	if n := count(t, dir); n != 2 {
		t.Fatalf("%d files in the bucket, want the two that were taken", n)
	}
}

func count(t testing.TB, dir string) (n int) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".attrs") && d.Name() != ".lock" {
			n++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheSameContentIsStoredOnce(t *testing.T) {
	s, dir := open(t)
	var sums []string
	for range 3 {
		b, err := s.Put(context.Background(), bytes.NewReader(page("")), evidence)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, b.SHA256)
	}
	if sums[0] != sums[2] || count(t, dir) != 1 {
		t.Fatalf("%v, %d files", sums, count(t, dir))
	}
}

func TestARangeOfContent(t *testing.T) {
	s, _ := open(t)
	b, err := s.Put(context.Background(), bytes.NewReader(page("")), evidence)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Reader(context.Background(), b.SHA256, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, _ := io.ReadAll(r); string(got) != "PDF" {
		t.Fatalf("%q", got)
	}
	if _, err := s.Reader(context.Background(), strings.Repeat("0", 64), 0, -1); !errors.Is(err, blobs.ErrMissing) {
		t.Fatalf("content that is not there: %v", err)
	}
}

func TestANameEndsAsItsContent(t *testing.T) {
	for _, ex := range []struct{ name, typ, want string }{
		{"证书.pdf", "application/pdf", "证书.pdf"}, {"SCAN.PDF", "application/pdf", "SCAN.PDF"}, {"a.jpeg", "image/jpeg", "a.jpeg"},
		{"photo.png", "image/jpeg", "photo.jpg"}, {"photo", "image/png", "photo.png"}, {"v1.2", "application/pdf", "v1.2.pdf"},
		{"run.exe", "application/pdf", "run.exe.pdf"}, {"a.pdf.jpg", "application/pdf", "a.pdf"}, {".png", "image/jpeg", ".png.jpg"},
		{"notes.txt", "text/plain", "notes.txt"}, {"", "image/png", ""}, {"..", "image/png", ""},
		{strings.Repeat("长", 200) + ".png", "image/jpeg", strings.Repeat("长", 83) + ".jpg"},
	} {
		if got := blobs.SafeName(ex.name, ex.typ); got != ex.want {
			t.Errorf("%q of %s became %q, want %q", ex.name, ex.typ, got, ex.want)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"证书.pdf", "../../etc/passwd", `C:\证\书.pdf`, "a\x00b.pdf", "..", "", strings.Repeat("长", 200) + ".pdf", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := blobs.SafeName(name, "application/pdf")
		if got != "" && !strings.HasSuffix(strings.ToLower(got), ".pdf") {
			t.Fatalf("%q became %q, which does not say what it is", name, got)
		}
		if len(got) > blobs.MaxNameBytes || !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\x00\n") || got == ".." || got == "." {
			t.Fatalf("%q became %q", name, got)
		}
	})
}

// Whatever is uploaded is taken or refused with a reason, in bounded memory, and nothing of a refusal stays.
func FuzzInspect(f *testing.F) {
	var drawn bytes.Buffer
	_ = png.Encode(&drawn, image.NewPaletted(image.Rect(0, 0, 5, 3), color.Palette{color.Black, color.White}))
	for _, seed := range [][]byte{page(""), page("/Encrypt 4 0 R /ID [<00><00>]"), compressed(10, 0), compressed(1<<16, 100), picture(f, 4, 4), drawn.Bytes(), nil} {
		f.Add(seed)
	}
	s, dir := open(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		var b blobs.Blob
		var err error
		if used := allocated(func() { b, err = s.Put(context.Background(), bytes.NewReader(content), evidence) }); used > 1<<30 {
			t.Fatalf("%d MiB for %d bytes", used>>20, len(content))
		}
		var known *domain.Error
		if err != nil && (!errors.As(err, &known) || known.Kind == domain.Unavailable) {
			t.Fatalf("no reason that the sender understands: %v", err)
		}
		if err == nil && (b.Size != int64(len(content)) || !slices.Contains(evidence.Types, b.Type)) {
			t.Fatalf("%+v of %d bytes", b, len(content))
		}
		if err == nil {
			if err := os.RemoveAll(filepath.Join(dir, b.SHA256[:2])); err != nil {
				t.Fatal(err)
			}
		}
	})
}
