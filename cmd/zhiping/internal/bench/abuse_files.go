package bench

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
)

// pdfFile writes a PDF whose objects are numbered from 1, with a correct table, and a trailer of the given size.
func pdfFile(size int, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", size, start)
	return b.Bytes()
}

// plainPDF is one empty page.
func plainPDF(note string) []byte {
	return pdfFile(4, "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Note("+note+")>>")
}

// hugeSizePDF claims far more objects than there are: its table begins at 1, and entry 1 is free.
func hugeSizePDF(size int) []byte {
	plain := string(pdfFile(size, "<<>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>", "<</Type/Catalog/Pages 2 0 R>>"))
	plain = strings.Replace(plain, "xref\n0 5\n0000000000 65535 f \n", "xref\n1 4\n", 1)
	head, table, _ := strings.Cut(plain, "xref\n1 4\n")
	return []byte(strings.Replace(head+"xref\n1 4\n0000000000 65535 f \n"+table[20:], "/Root 1 0 R", "/Root 4 0 R", 1))
}

// deflated is a byte n times, compressed.
func deflated(n int, of byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.CopyN(w, endless(of), int64(n)) // into memory
	_ = w.Close()
	return b.Bytes()
}

// endless reads as the same byte without end.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// repeatedStreamPDF has a page whose content is one stream of n bytes, named again and again.
func repeatedStreamPDF(n, times int) []byte {
	stream := deflated(n, ' ')
	content := fmt.Sprintf("<</Length %d/Filter/FlateDecode>>\nstream\n%s\nendstream", len(stream), stream)
	return pdfFile(5, "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents["+strings.Repeat("4 0 R ", times)+"]>>", content)
}

// tableStreamPDF has its cross-reference table in a stream that unpacks to n bytes.
func tableStreamPDF(n int) []byte {
	table := deflated(n, 0)
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n")
	start := b.Len()
	fmt.Fprintf(&b, "3 0 obj\n<</Type/XRef/Size %d/W[1 4 2]/Root 1 0 R/Length %d/Filter/FlateDecode>>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", n/7, len(table), table, start)
	return b.Bytes()
}

// farStartPDF names a table far behind its end.
func farStartPDF() []byte {
	return bytes.Replace(plainPDF("far"), []byte("startxref\n"), []byte("startxref\n999999999999999999\n%"), 1)
}

// emptyScansJPEG is a progressive picture of one component with scans that change nothing, each of which a decoder walks
// all blocks for (ITU-T T.81, annex G).
func emptyScansJPEG(side, scans int) []byte {
	blocks := ((side + 7) / 8) * ((side + 7) / 8)
	var b bytes.Buffer
	b.Write([]byte{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0})
	b.Write(bytes.Repeat([]byte{1}, 64))
	b.Write([]byte{0xff, 0xc2, 0, 11, 8})
	_ = binary.Write(&b, binary.BigEndian, [2]uint16{uint16(side), uint16(side)}) // #nosec G115 -- at most 6400
	b.Write([]byte{1, 1, 0x11, 0})
	for _, table := range [][2]byte{{0x00, 0x00}, {0x10, 0xe0}} { // DC: difference 0 · AC: a run of 16384 and more empty blocks
		b.Write([]byte{0xff, 0xc4, 0, 20, table[0], 1})
		b.Write(make([]byte, 15))
		b.WriteByte(table[1])
	}
	b.Write([]byte{0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0})
	b.Write(make([]byte, blocks/8))
	if rest := blocks % 8; rest > 0 {
		b.WriteByte(0xff >> rest) // ones fill the last byte
	}
	var scan bytes.Buffer
	scan.Write([]byte{0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0})
	bits := bitWriter{out: &scan}
	for left := blocks; left > 0; left -= 32767 {
		bits.write(0, 1)
		bits.write(min(max(left, 16384), 32767)-16384, 14)
	}
	bits.flush()
	b.Write(bytes.Repeat(scan.Bytes(), scans))
	b.Write([]byte{0xff, 0xd9})
	return b.Bytes()
}

// bitWriter writes entropy-coded bits, with a zero byte behind each 0xff.
type bitWriter struct {
	out *bytes.Buffer
	acc int
	n   int
}

func (w *bitWriter) write(value, bits int) {
	for i := bits - 1; i >= 0; i-- {
		w.acc = w.acc<<1 | value>>i&1
		if w.n++; w.n == 8 {
			w.out.WriteByte(byte(w.acc)) // #nosec G115 -- eight bits
			if w.acc == 0xff {
				w.out.WriteByte(0)
			}
			w.acc, w.n = 0, 0
		}
	}
}

func (w *bitWriter) flush() {
	for w.n != 0 {
		w.write(1, 1)
	}
}

// uploadBody is a multipart body with one file for a slot, and its media type.
func uploadBody(slot, name string, content []byte) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("slot", slot) // into memory
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="file"; filename=%q`, name))
	h.Set("Content-Type", "application/octet-stream")
	part, _ := w.CreatePart(h)
	_, _ = part.Write(content)
	_ = w.Close()
	return b.Bytes(), w.FormDataContentType()
}
