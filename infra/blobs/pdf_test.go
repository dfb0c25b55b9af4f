package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/signintech/gopdf"

	"zhiping/domain/text"
	"zhiping/infra/blobs"
)

// plain is a document as small programs write it: a table in clear, one page, whose content is a stream with such a head.
func plain(head string, stream []byte) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, o := range []string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> /Contents 4 0 R >>",
		fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", head, len(stream), stream)} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	b.WriteString("xref\n0 5\n0000000000 65535 f \n")
	for _, o := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", xref)
	return b.Bytes()
}

var strokes = []byte(strings.Repeat("0 0 m 100 100 l S\n", 200))

// updated is a document with a change appended, as programs that sign or annotate write it.
func updated(document []byte) []byte {
	before := bytes.LastIndex(document, []byte("startxref\n"))
	var previous int
	_, _ = fmt.Sscanf(string(document[before:]), "startxref\n%d", &previous)
	b := bytes.NewBuffer(bytes.Clone(document))
	at := b.Len()
	b.WriteString("2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 /Changed true >>\nendobj\n")
	xref := b.Len()
	fmt.Fprintf(b, "xref\n0 1\n0000000000 65535 f \n2 1\n%010d 00000 n \ntrailer\n<< /Size 5 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n", at, previous, xref)
	return b.Bytes()
}

func printed(t testing.TB, bare bool) []byte {
	t.Helper()
	var p gopdf.GoPdf
	p.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4})
	if bare {
		p.SetNoCompression()
	}
	p.AddPage()
	for i := range 50 {
		p.Line(10, float64(i), 200, float64(i*2))
	}
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rewritten is a document as pdfcpu writes it, with object streams or a plain table.
func rewritten(t testing.TB, document []byte, compressed bool) []byte {
	t.Helper()
	conf := model.NewDefaultConfiguration()
	conf.WriteObjectStream, conf.WriteXRefStream = compressed, compressed
	var b bytes.Buffer
	if err := api.Optimize(bytes.NewReader(document), &b, conf); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zeroed has zeros in place of the bytes between the first stream's beginning and its end.
func zeroed(document []byte, from, to string) []byte {
	out := bytes.Clone(document)
	i := bytes.Index(out, []byte(from)) + len(from)
	j := i + bytes.Index(out[i:], []byte(to))
	clear(out[i:j])
	return out
}

func TestDocumentsOfManyProgramsAreTaken(t *testing.T) {
	api.DisableConfigDir()
	s, _ := open(t)
	deflated, bare := plain("/Filter /FlateDecode", deflate(strokes)), plain("", strokes)
	long := bytes.Replace(bare, []byte("%%EOF"), []byte("%%EOF\n% "+strings.Repeat("x", 900)), 1)
	for name, content := range map[string][]byte{
		"a plain table": bare, "a compressed page": deflated, "a blank page": page(""), "an empty page": plain("", nil), "object streams": compressed(10, 0),
		"gopdf": printed(t, false), "gopdf without compression": printed(t, true), "pdfcpu": rewritten(t, deflated, true), "pdfcpu with a plain table": rewritten(t, printed(t, false), false),
		"a change appended": updated(deflated), "two changes appended": updated(updated(bare)), "carriage returns at the end": bytes.Replace(bare, []byte("%%EOF\n"), []byte("%%EOF\r\n"), 1),
		"no line break at the end": bytes.TrimRight(bare, "\n"), "a block filled up with zeros": append(bytes.Clone(bare), make([]byte, 4096)...),
		"a comment behind the end": long, "something before the header": append([]byte("\xef\xbb\xbf\r\n"), bare...),
		"a place that is a little wrong": bytes.Replace(bare, []byte("xref\n0 5"), []byte("\n\nxref\n0 5"), 1),
		"a checksum that is wrong":       plain("/Filter /FlateDecode", append(deflate(strokes)[:len(deflate(strokes))-4], 0, 0, 0, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Put(context.Background(), bytes.NewReader(content), evidence); err != nil {
				t.Fatalf("%v:\n%.300q … %.200q", err, content, content[max(0, len(content)-200):])
			}
		})
	}
}

func TestBrokenDocumentsAreRefused(t *testing.T) {
	api.DisableConfigDir()
	s, _ := open(t)
	deflated, bare := plain("/Filter /FlateDecode", deflate(strokes)), plain("", strokes)
	producers := map[string][]byte{"a plain table": bare, "a compressed page": deflated, "gopdf": printed(t, false), "gopdf without compression": printed(t, true),
		"pdfcpu": rewritten(t, deflated, true), "a change appended": updated(deflated)}
	broken := map[string][]byte{
		"a page of zeros":                    zeroed(deflated, "stream\n", "\nendstream"),
		"a page of zeros that is in clear":   zeroed(bare, "stream\n", "\nendstream"),
		"half a page of zeros":               zeroed(deflated, "stream\n"+string(deflate(strokes)[:20]), "\nendstream"),
		"a page that is a bomb":              plain("/Filter /FlateDecode", deflate(make([]byte, 200<<20))),
		"a page of letters for its content":  plain("/Filter /FlateDecode", bytes.Repeat([]byte("no stream"), 50)),
		"a filter that does not fit":         plain("/Filter /ASCII85Decode", []byte("\x80\x81\x82~>")),
		"an end that is far from the end":    bytes.Replace(bare, []byte("%%EOF"), []byte("%%EOF\n% "+strings.Repeat("x", 5000)), 1),
		"an end without the table's place":   bytes.Replace(bare, []byte("startxref"), []byte("notanyref"), 1),
		"a place where there is no table":    bytes.Replace(bare, []byte("startxref\n"), []byte("startxref\n9999"), 1),
		"a change appended and cut in two":   updated(deflated)[:len(deflated)+40],
		"a table and a trailer that are out": append(bytes.Clone(bare[:bytes.Index(bare, []byte("xref\n0"))]), bare[bytes.Index(bare, []byte("startxref")):]...),
	}
	for name, whole := range producers {
		broken[name+", cut by 200 bytes"] = whole[:len(whole)-200]
		broken[name+", its first half"] = whole[:len(whole)/2]
		broken[name+", without its end"] = whole[:bytes.LastIndex(whole, []byte("startxref"))]
	}
	for name, content := range broken {
		t.Run(name, func(t *testing.T) {
			limit := evidence
			var err error
			if used := allocated(func() { _, err = s.Put(context.Background(), bytes.NewReader(content), limit) }); used > 300<<20 {
				t.Errorf("%d MiB are allocated", used>>20)
			}
			if !errors.Is(err, blobs.ErrPDF) {
				t.Fatalf("%v, want it refused", err)
			}
		})
	}
}

func TestRefusalsNameWhatIsTaken(t *testing.T) {
	s, _ := open(t)
	for _, ex := range []struct {
		content []byte
		zh, en  string
	}{
		{bomb(t), "图片为8000×8000像素，要求：不超过 4000 万像素", "The picture has 8000×8000 pixels; required: at most 40 megapixels"},
		{[]byte("GIF89a\x01\x00\x01\x00"), "文件内容是GIF 图片，这里只接收：PDF 文件、JPG 图片、PNG 图片", "The content of the file is a GIF picture; taken here: a PDF document, a JPG picture, a PNG picture"},
	} {
		_, err := s.Put(context.Background(), bytes.NewReader(ex.content), evidence)
		var told interface{ Text() text.Text }
		if !errors.As(err, &told) || told.Text() != (text.Text{ZH: ex.zh, EN: ex.en}) {
			t.Errorf("%v: %+v", err, told)
		}
	}
}
