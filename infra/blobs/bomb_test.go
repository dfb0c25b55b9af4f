package blobs_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"

	"zhiping/infra/blobs"
)

func deflate(content []byte) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

// compressed is a whole document whose pages are in an object stream, which is followed by blanks, and which finds
// its objects by a cross-reference stream that claims room for size of them.
func compressed(blanks, size int) []byte {
	var b, table bytes.Buffer
	b.WriteString("%PDF-1.5\n")
	entry := func(kind byte, where, index int) {
		table.WriteByte(kind)
		_ = binary.Write(&table, binary.BigEndian, uint32(where))
		_ = binary.Write(&table, binary.BigEndian, uint16(index))
	}
	entry(0, 0, 65535)
	var prolog, inside bytes.Buffer
	for i, o := range []string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> >>"} {
		entry(2, 4, i)
		fmt.Fprintf(&prolog, "%d %d ", i+1, inside.Len())
		inside.WriteString(o + " ")
	}
	stream := func(n int, head string, content []byte) {
		packed := deflate(content)
		fmt.Fprintf(&b, "%d 0 obj\n<< %s /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream\nendobj\n", n, head, len(packed), packed)
	}
	entry(1, b.Len(), 0)
	stream(4, fmt.Sprintf("/Type /ObjStm /N 3 /First %d", prolog.Len()), append(append(prolog.Bytes(), inside.Bytes()...), bytes.Repeat([]byte(" "), blanks)...))
	at := b.Len()
	entry(1, at, 0)
	table.Write(make([]byte, 7*max(0, size-6))) // free ones
	stream(5, fmt.Sprintf("/Type /XRef /Size %d /W [1 4 2] /Root 1 0 R", max(6, size)), table.Bytes())
	fmt.Fprintf(&b, "startxref\n%d\n%%%%EOF\n", at)
	return b.Bytes()
}

// allocated is how many bytes f allocates, in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDocumentsThatUnfoldToTooMuch(t *testing.T) {
	s, _ := open(t)
	for name, ex := range map[string]struct {
		content []byte
		want    error
	}{
		"a document of compressed objects":   {compressed(10, 0), nil},
		"one with much in it":                {compressed(1<<20, 10_000), nil},
		"200 MiB in an object stream":        {compressed(200<<20, 0), blobs.ErrPDF},
		"a table of six million objects":     {compressed(0, 6_000_000), blobs.ErrPDF},
		"a table that would be 4 GiB":        {bytes.Replace(compressed(0, 0), []byte("/Size 6"), []byte("/Size 600000000"), 1), blobs.ErrPDF},
		"an object stream that claims 2^31":  {bytes.Replace(compressed(0, 0), []byte("/N 3"), []byte("/N 2147483647"), 1), blobs.ErrPDF},
		"objects that are deeply nested":     {bytes.Replace(page(""), []byte("/Resources << >>"), append(bytes.Repeat([]byte("<< /A "), 100_000), '1'), 1), blobs.ErrPDF},
		"pages that are their own ancestors": {bytes.Replace(page(""), []byte("/Kids [3 0 R]"), []byte("/Kids [2 0 R]"), 1), blobs.ErrPDF},
		"a document without its page":        {bytes.Replace(page(""), []byte("/Kids [3 0 R]"), []byte("/Kids [9 0 R]"), 1), blobs.ErrPDF},
	} {
		t.Run(name, func(t *testing.T) {
			limit := evidence
			limit.MaxBytes = 5 << 20
			var err error
			if used := allocated(func() { _, err = s.Put(context.Background(), bytes.NewReader(ex.content), limit) }); used > 300<<20 {
				t.Errorf("%d MiB are allocated for %d bytes", used>>20, len(ex.content))
			}
			if !errors.Is(err, ex.want) {
				t.Fatalf("%v, want %v", err, ex.want)
			}
		})
	}
}

// Real encryption, with and without a password to open: both are refused, since a reviewer's reader may not be able.
func TestEncryptedDocumentsAreRefused(t *testing.T) {
	s, _ := open(t)
	for _, password := range []string{"", "secret"} {
		for _, bits := range []int{128, 256} {
			conf := model.NewAESConfiguration(password, "owner", bits)
			var out bytes.Buffer
			if err := api.Encrypt(bytes.NewReader(page("")), &out, conf); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Put(context.Background(), &out, evidence); !errors.Is(err, blobs.ErrEncrypted) {
				t.Errorf("password %q, %d bits: %v", password, bits, err)
			}
		}
	}
}
