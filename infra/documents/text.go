package documents

import (
	"strings"
	"unicode"
)

// The two faces: Chinese, and what the Chinese one lacks.
const (
	faceHan   = "han"
	faceLatin = "latin"
)

// missing stands for a character that no face has, such as a rare one in a name: a blank would hide that there is one.
const missing = '〓'

// glyph is how a character is printed: in which face, as which character, and how wide at size 1.
type glyph struct {
	face  string
	char  rune
	width float64
}

func (p *printer) glyph(r rune) glyph {
	if g, ok := p.glyphs[r]; ok {
		return g
	}
	g := glyph{face: faceHan, char: missing}
	for _, face := range []string{faceLatin, faceHan} {
		p.keep(p.pdf.SetFont(face, "", bodySize))
		if has, err := p.pdf.IsCurrFontContainGlyph(r); err == nil && has {
			g.face, g.char = face, r
			break
		}
	}
	w, err := p.pdf.MeasureTextWidth(string(g.char))
	p.keep(err)
	g.width = w / bodySize
	p.glyphs[r] = g
	return g
}

// advance is the width of a line in points.
func (p *printer) advance(line string, size float64) (width float64) {
	for _, r := range line {
		width += p.glyph(r).width * size
	}
	return width
}

// print writes a line with its top left corner at x and y, each run of characters in the face that has them.
func (p *printer) print(x, y, size float64, line string) {
	var run strings.Builder
	face, start := "", x
	flush := func() {
		if run.Len() > 0 {
			p.keep(p.pdf.SetFont(face, "", size))
			p.pdf.SetXY(start, y+rise*size)
			p.keep(p.pdf.Text(run.String()))
		}
		run.Reset()
		start = x
	}
	for _, r := range line {
		g := p.glyph(r)
		if g.face != face {
			flush()
			face = g.face
		}
		run.WriteRune(g.char)
		x += g.width * size
	}
	flush()
}

// Punctuation that no line may begin or end with.
const (
	closing = "，。、；：？！）》〉」』】〕”’％…～·,.;:?!)]}%"
	opening = "（《〈「『【〔“‘([{"
)

// wrap breaks text into lines: Chinese between any two characters, Latin words and numbers as a whole, and never
// against the rules for punctuation.
func (p *printer) wrap(s string, width, size float64) []string {
	var out []string
	for para := range strings.SplitSeq(clean(s), "\n") {
		line, used := "", 0.0
		add := func(piece string, w float64) {
			if used+w > width && line != "" {
				out = append(out, strings.TrimRight(line, " "))
				line, used = "", 0
				if piece == " " {
					return
				}
			}
			line, used = line+piece, used+w
		}
		for _, piece := range pieces(para) {
			w := p.advance(piece, size)
			if w <= width {
				add(piece, w)
				continue
			}
			for _, r := range piece { // longer than a line
				add(string(r), p.advance(string(r), size))
			}
		}
		out = append(out, line)
	}
	return out
}

// pieces cuts a line into what must stay together.
func pieces(line string) []string {
	var out []string
	var last rune
	for i, r := range line {
		together := i > 0 && r != ' ' && last != ' ' &&
			(word(last) && word(r) || strings.ContainsRune(closing, r) || strings.ContainsRune(opening, last))
		if together {
			out[len(out)-1] += string(r)
		} else {
			out = append(out, string(r))
		}
		last = r
	}
	return out
}

// word tells whether a character is of a script that is broken between words only.
func word(r rune) bool {
	return r < 0x2E80 && r != ' ' && !strings.ContainsRune("“”‘’…—", r)
}

// clean keeps what can be printed: other control characters would make the file unreadable.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsSpace(r) && r != '\r' && r != '\u3000':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || r == 0xFFFE || r == 0xFFFF:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
