// Package documents prints declarations as PDF and lists as XLSX. Callers hand in finished text: it knows neither
// modules nor languages, so one printer serves every declaration type. It imports nothing of ours. The font is
// embedded, because a PDF must read the same wherever it is opened and servers rarely have Chinese fonts.
package documents

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/signintech/gopdf"
)

//go:embed fonts/DroidSansFallbackFull.ttf
var font []byte

// Measures in points.
const (
	margin   = 40.0
	padding  = 4.0
	bodySize = 10
	lineStep = 14.0
	labelled = 110.0 // width of a field's label
)

// WriteForm prints a form on upright A4 pages.
func WriteForm(w io.Writer, f Form) error {
	p, err := newPrinter(*gopdf.PageSizeA4)
	if err != nil {
		return err
	}
	p.heading(f.Title, 18)
	p.paragraph(f.Subtitle)
	for _, s := range f.Sections {
		p.heading(s.Title, 13)
		for _, field := range s.Fields {
			p.row([]string{field.Label, field.Value}, []float64{labelled, p.width() - labelled}, nil)
		}
		for _, t := range s.Tables {
			p.table(t)
		}
	}
	return p.finish(w)
}

// WriteSheet prints a list on A4 pages on their side; its headings are repeated on every page.
func WriteSheet(w io.Writer, s Sheet) error {
	p, err := newPrinter(*gopdf.PageSizeA4Landscape)
	if err != nil {
		return err
	}
	p.heading(s.Title, 18)
	for _, n := range s.Notes {
		p.paragraph(n)
	}
	p.table(s.Table)
	return p.finish(w)
}

// printer puts lines below each other. It keeps the first error, so that layout reads without checks.
type printer struct {
	pdf  gopdf.GoPdf
	size gopdf.Rect
	y    float64
	err  error
}

func newPrinter(size gopdf.Rect) (*printer, error) {
	p := &printer{size: size}
	p.pdf.Start(gopdf.Config{PageSize: size})
	if err := p.pdf.AddTTFFontData("body", font); err != nil {
		return nil, fmt.Errorf("documents: read font: %w", err)
	}
	p.pdf.SetLineWidth(0.5)
	p.page()
	return p, p.err
}

func (p *printer) width() float64  { return p.size.W - 2*margin }
func (p *printer) bottom() float64 { return p.size.H - margin }

func (p *printer) keep(err error) {
	if p.err == nil && err != nil {
		p.err = fmt.Errorf("documents: print: %w", err)
	}
}

func (p *printer) page() {
	p.pdf.AddPage()
	p.keep(p.pdf.SetFont("body", "", 8))
	p.at(p.size.W/2, p.bottom()+12, wide(fmt.Sprint(p.pdf.GetNumberOfPages())))
	p.keep(p.pdf.SetFont("body", "", bodySize))
	p.y = margin
}

func (p *printer) at(x, y float64, line string) {
	if line == "" {
		return
	}
	p.pdf.SetXY(x, y)
	p.keep(p.pdf.Cell(nil, line))
}

func (p *printer) heading(s string, size int) {
	if p.y+float64(size)*3 > p.bottom() { // a heading alone at the foot of a page says nothing
		p.page()
	}
	p.keep(p.pdf.SetFont("body", "", size))
	p.y += float64(size) / 2
	for _, line := range p.wrap(s, p.width()) {
		p.at(margin, p.y, line)
		p.y += float64(size) * 1.5
	}
	p.keep(p.pdf.SetFont("body", "", bodySize))
}

func (p *printer) paragraph(s string) {
	for _, line := range p.wrap(s, p.width()) {
		if p.y+lineStep > p.bottom() {
			p.page()
		}
		p.at(margin, p.y, line)
		p.y += lineStep
	}
	p.y += padding
}

func (p *printer) table(t Table) {
	if len(t.Columns) == 0 {
		return
	}
	if t.Title != "" {
		p.y += padding
		p.paragraph(t.Title)
	}
	widths := t.shares(p.width())
	header := func() { p.row(t.Columns, widths, nil) }
	header()
	for _, r := range t.Rows {
		p.row(r, widths, header)
	}
	p.y += padding
}

func (t Table) shares(width float64) []float64 {
	out, sum := make([]float64, len(t.Columns)), 0.0
	for i := range out {
		out[i] = 1
		if i < len(t.Widths) && t.Widths[i] > 0 {
			out[i] = t.Widths[i]
		}
		sum += out[i]
	}
	for i := range out {
		out[i] *= width / sum
	}
	return out
}

// row prints cells side by side and goes on over the page where they do not fit; onPage prints what a new page
// begins with.
func (p *printer) row(cells []string, widths []float64, onPage func()) {
	lines, rest := make([][]string, len(widths)), 1
	for i := range widths {
		if i < len(cells) {
			lines[i] = p.wrap(cells[i], widths[i]-2*padding)
		}
		rest = max(rest, len(lines[i]))
	}
	for rest > 0 && p.err == nil {
		room := int((p.bottom() - p.y - 2*padding) / lineStep)
		whole := int((p.bottom() - margin - 2*padding) / lineStep)
		if room < rest && (room < 1 || rest <= whole/2) { // short rows stay in one piece
			p.page()
			if onPage != nil {
				onPage()
			}
			room = max(1, int((p.bottom()-p.y-2*padding)/lineStep))
		}
		n := min(rest, room)
		height, x := float64(n)*lineStep+2*padding, margin
		for i, w := range widths {
			p.pdf.RectFromUpperLeftWithStyle(x, p.y, w, height, "D")
			take := min(n, len(lines[i]))
			for k, line := range lines[i][:take] {
				p.at(x+padding, p.y+padding+float64(k)*lineStep, line)
			}
			lines[i] = lines[i][take:]
			x += w
		}
		p.y += height
		rest -= n
	}
}

// wrap breaks text between any two characters, as Chinese text is broken.
func (p *printer) wrap(s string, width float64) []string {
	var out []string
	for para := range strings.SplitSeq(wide(clean(s)), "\n") {
		var line strings.Builder
		used := 0.0
		for _, r := range para {
			w, err := p.pdf.MeasureTextWidth(string(r))
			p.keep(err)
			if used+w > width && line.Len() > 0 {
				out = append(out, line.String())
				line.Reset()
				used = 0
			}
			line.WriteRune(r)
			used += w
		}
		out = append(out, line.String())
	}
	return out
}

// clean keeps what can be printed: other control characters would make the file unreadable.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r) || r == unicode.ReplacementChar || r == 0xFFFE || r == 0xFFFF:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// wide turns Latin letters and digits into their full-width forms: the font has no others, and would print blanks.
func wide(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r - '!' + '！'
		}
		return r
	}, s)
}

func (p *printer) finish(w io.Writer) error {
	if p.err != nil {
		return p.err
	}
	if _, err := p.pdf.WriteTo(w); err != nil {
		return fmt.Errorf("documents: write: %w", err)
	}
	return nil
}
