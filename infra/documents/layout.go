package documents

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"strings"

	"github.com/signintech/gopdf"
)

// photoHeight is in points, 45 mm; the width follows the picture.
const photoHeight = 127.0

func (p *printer) heading(s string) {
	if s == "" {
		return
	}
	p.room(headSize*2 + 3*lineStep) // a heading alone at the foot of a page says nothing
	p.y += headSize / 2
	for _, line := range p.wrap(s, p.width(), headSize) {
		p.print(margin, p.y, headSize, line)
		p.y += headSize * 1.5
	}
}

func (p *printer) section(s Section) {
	p.heading(s.Title)
	p.fields(s.Fields)
	for _, t := range s.Tables {
		p.table(t)
	}
}

// besidePhoto prints a section with the photo at its right side; what is longer than the photo goes on below it.
func (p *printer) besidePhoto(photo image.Image, s Section) {
	p.heading(s.Title)
	b := photo.Bounds()
	width := min(photoHeight*float64(b.Dx())/float64(max(1, b.Dy())), p.width()/3)
	p.room(photoHeight + padding)
	x, top := p.size.W-margin-width, p.y
	p.picture(photo, x, top, width)
	page := p.pdf.GetNumberOfPages()
	p.right = width + padding
	fields := s.Fields
	for len(fields) > 0 && p.y < top+photoHeight && p.pdf.GetNumberOfPages() == page {
		fields = fields[p.fieldRow(fields):]
	}
	p.right = 0
	if p.pdf.GetNumberOfPages() == page {
		p.y = max(p.y, top+photoHeight+padding)
	}
	p.section(Section{Fields: fields, Tables: s.Tables})
}

// picture prints a photo from its pixels alone, so that whatever else its file holds stays behind.
func (p *printer) picture(photo image.Image, x, y, width float64) {
	flat := image.NewRGBA(photo.Bounds())
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), photo, photo.Bounds().Min, draw.Over)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, flat, &jpeg.Options{Quality: 90}); err != nil {
		p.keep(fmt.Errorf("photo: %w", err))
		return
	}
	holder, err := gopdf.ImageHolderByBytes(b.Bytes())
	p.keep(err)
	if err == nil {
		p.keep(p.pdf.ImageByHolder(holder, x, y, &gopdf.Rect{W: width, H: photoHeight}))
	}
}

func (p *printer) fields(fields []Field) {
	for len(fields) > 0 {
		fields = fields[p.fieldRow(fields):]
	}
	p.y += padding
}

// fieldRow prints the next fields side by side, as many as have short values, and tells how many that were.
func (p *printer) fieldRow(fields []Field) int {
	side := 2
	if p.size.W > p.size.H {
		side = 3
	}
	value := p.width()/float64(side) - labelWidth
	var cells []cell
	var widths []float64
	n := 0
	for ; n < min(side, len(fields)); n++ {
		label, lines := p.wrap(fields[n].Label, labelWidth-2*padding, bodySize), p.wrap(fields[n].Value, value-2*padding, bodySize)
		if len(lines) > 2 {
			break
		}
		cells = append(cells, cell{lines: label, head: true}, cell{lines: lines})
		widths = append(widths, labelWidth, value)
	}
	if n == 0 { // a long value has the row for itself
		cells, widths, n = p.long(fields[0].Label, fields[0].Value, nil), []float64{labelWidth, p.width() - labelWidth}, 1
	} else {
		widths[len(widths)-1] += float64(side-n) * p.width() / float64(side)
	}
	p.row(cells, widths, nil)
	return n
}

func (p *printer) long(label, value string, signed []string) []cell {
	c := cell{lines: p.wrap(value, p.width()-labelWidth-2*padding, bodySize)}
	for range 4 - len(c.lines) {
		if signed != nil { // room to write in
			c.lines = append(c.lines, "")
		}
	}
	c.flush = len(c.lines)
	c.lines = append(c.lines, signed...)
	return []cell{{lines: p.wrap(label, labelWidth-2*padding, bodySize), head: true}, c}
}

func (p *printer) opinion(o Opinion) {
	var signed []string
	for _, s := range o.Signed {
		signed = append(signed, p.wrap(s, p.width()-labelWidth-2*padding, bodySize)...)
	}
	p.row(p.long(o.Stage, o.Text, signed), []float64{labelWidth, p.width() - labelWidth}, nil)
}

func (p *printer) table(t Table) {
	if len(t.Columns) == 0 {
		return
	}
	p.room(5 * lineStep)
	if t.Title != "" {
		p.print(margin, p.y+padding, bodySize, clean(t.Title))
		p.y += lineStep + 2*padding
	}
	widths := p.shares(t)
	cells := func(texts []string, head bool) []cell {
		out := make([]cell, len(widths))
		for i := range out {
			out[i].head = head
			if i < len(texts) {
				out[i].lines = p.wrap(texts[i], widths[i]-2*padding, bodySize)
			}
		}
		return out
	}
	header := func() { p.row(cells(t.Columns, true), widths, nil) }
	header()
	for _, r := range t.Rows {
		p.row(cells(r, false), widths, header)
	}
	p.y += padding
}

// shares gives each column width by its longest text, within bounds, so that a rank does not get as much as a title. What
// is short gets all that it needs, so that no 国家级 is broken; the long ones share what is left.
func (p *printer) shares(t Table) []float64 {
	const most, narrow, narrowest = 24 * bodySize, 6 * bodySize, 2 * bodySize
	need, least := make([]float64, len(t.Columns)), make([]float64, len(t.Columns))
	for i := range need {
		text := p.advance(clean(t.Columns[i]), bodySize)
		for _, r := range t.Rows {
			if i < len(r) {
				for line := range strings.SplitSeq(clean(r[i]), "\n") {
					text = max(text, p.advance(line, bodySize))
				}
			}
		}
		need[i] = min(most, text) + 2*padding + 1
	}
	used, more := 0.0, 0.0
	for short := narrow; short >= narrowest; short -= bodySize { // many columns have less each
		used, more = 0, 0
		for i := range least {
			least[i] = min(need[i], short+2*padding+1)
			used, more = used+least[i], more+need[i]-least[i]
		}
		if used <= p.width() {
			break
		}
	}
	spare := p.width() - used
	for i := range least {
		if spare < 0 || more == 0 {
			least[i] *= p.width() / used
		} else {
			least[i] += spare * (need[i] - least[i]) / more
		}
	}
	return least
}
