package documents

import (
	_ "embed"
	"fmt"
	"io"

	"github.com/signintech/gopdf"
)

//go:embed fonts/DroidSansFallbackFull.ttf
var hanFont []byte

//go:embed fonts/WenQuanYiMicroHeiSymbols.ttf
var latinFont []byte

// Measures in points.
const (
	margin     = 40.0
	padding    = 4.0
	bodySize   = 10.0
	titleSize  = 18.0
	headSize   = 12.0
	footSize   = 8.0
	lineStep   = 14.0
	labelWidth = 84.0
	rise       = 0.88 // from the top of a line to its baseline, in font sizes
)

// printer puts lines below each other. It keeps the first error, so that layout reads without checks.
type printer struct {
	pdf    gopdf.GoPdf
	size   gopdf.Rect
	right  float64 // how much of the right side is taken by the photo
	y      float64
	glyphs map[rune]glyph
	err    error
}

func newPrinter(d Document) (*printer, error) {
	p := &printer{size: *gopdf.PageSizeA4, glyphs: map[rune]glyph{}}
	if d.Landscape {
		p.size = *gopdf.PageSizeA4Landscape
	}
	p.pdf.Start(gopdf.Config{PageSize: p.size})
	p.pdf.SetInfo(gopdf.PdfInfo{Title: d.Title})
	for name, data := range map[string][]byte{faceHan: hanFont, faceLatin: latinFont} {
		if err := p.pdf.AddTTFFontData(name, data); err != nil {
			return nil, fmt.Errorf("documents: read font: %w", err)
		}
	}
	p.page()
	return p, p.err
}

func (p *printer) width() float64  { return p.size.W - 2*margin - p.right }
func (p *printer) bottom() float64 { return p.size.H - margin - footSize }

func (p *printer) keep(err error) {
	if p.err == nil && err != nil {
		p.err = fmt.Errorf("documents: print: %w", err)
	}
}

func (p *printer) page() {
	p.pdf.AddPage()
	p.pdf.SetLineWidth(0.5)
	p.pdf.SetTextColor(0, 0, 0)
	p.y, p.right = margin, 0
}

// room begins a new page where less than a height is left on this one.
func (p *printer) room(height float64) {
	if p.y+height > p.bottom() {
		p.page()
	}
}

func (p *printer) title(d Document) {
	for _, line := range p.wrap(d.Title, p.width(), titleSize) {
		p.centred(line, titleSize)
		p.y += titleSize * 1.5
	}
	for _, l := range d.Lines {
		for _, line := range p.wrap(l, p.width(), bodySize) {
			p.room(lineStep)
			p.centred(line, bodySize)
			p.y += lineStep
		}
	}
	p.y += padding
}

func (p *printer) centred(line string, size float64) {
	p.print((p.size.W-p.advance(line, size))/2, p.y, size, line)
}

// finish writes the foot of every page, now that their number is known, and then the file.
func (p *printer) finish(w io.Writer, footer func(page, pages int) string) error {
	pages := p.pdf.GetNumberOfPages()
	for n := 1; n <= pages && footer != nil; n++ {
		p.keep(p.pdf.SetPage(n))
		p.y = p.size.H - margin + padding
		p.centred(clean(footer(n, pages)), footSize)
	}
	if p.err != nil {
		return p.err
	}
	if _, err := p.pdf.WriteTo(w); err != nil {
		return fmt.Errorf("documents: write: %w", err)
	}
	return nil
}
