package documents

// cell is one box of a row. Lines from flush on are set against its right side; a head has a tinted ground.
type cell struct {
	lines []string
	flush int
	head  bool
}

// row prints cells side by side and goes on over the page where they do not fit; onPage prints what a new page
// begins with.
func (p *printer) row(cells []cell, widths []float64, onPage func()) {
	rest := 1
	for i := range cells {
		if cells[i].flush == 0 {
			cells[i].flush = len(cells[i].lines)
		}
		rest = max(rest, len(cells[i].lines))
	}
	fits := func(top float64) int { return int((p.bottom() - top - 2*padding) / lineStep) }
	for done := 0; rest > 0 && p.err == nil; {
		n := fits(p.y)
		if n < rest && (n < 1 || rest <= fits(margin)/2) { // short rows stay in one piece
			right := p.right
			p.page()
			p.right = right // the widths were made for it
			if onPage != nil {
				onPage()
			}
			n = max(1, fits(p.y))
		}
		n = min(rest, n)
		height, x := float64(n)*lineStep+2*padding, margin
		for i, w := range widths {
			p.box(cells[i], done, done+n, x, w, height)
			x += w
		}
		p.y += height
		done += n
		rest -= n
	}
}

// box draws a cell with some of its lines.
func (p *printer) box(c cell, from, to int, x, width, height float64) {
	style := "D"
	if c.head {
		p.pdf.SetFillColor(240, 240, 240)
		style = "DF"
	}
	p.pdf.RectFromUpperLeftWithStyle(x, p.y, width, height, style)
	for k := from; k < min(to, len(c.lines)); k++ {
		left := x + padding
		if k >= c.flush {
			left = x + width - padding - p.advance(c.lines[k], bodySize)
		}
		p.print(left, p.y+padding+float64(k-from)*lineStep+(lineStep-bodySize)/4, bodySize, c.lines[k])
	}
}
