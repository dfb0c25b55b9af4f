package projections

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"zhiping/domain"
	"zhiping/readmodels"
)

// spoolBlock is how many bytes of a part are written at once.
const spoolBlock = 64 << 10

// spool sorts events by stream in a file, since they come in the order of $all: the events of one declaration lie
// months apart. Its file has no name where the system allows that. It is for one goroutine.
type spool struct {
	dir   string
	file  *os.File // nil until there is a full block
	end   int64
	parts [readmodels.Parts]spoolPart

	events   int
	size     int64
	position uint64 // up to here everything of interest is in it or was before
}

// spoolPart is the blocks of a part that are in the file, and the bytes that are not.
type spoolPart struct {
	blocks []spoolRange
	tail   []byte
	events int
}

type spoolRange struct{ offset, length int64 }

// add puts an event down. An error says that the file takes no more; the event is kept in memory then, so nothing is
// lost, but nothing more should be added.
func (s *spool) add(e Stored) error {
	p := &s.parts[readmodels.PartOf(e.Stream)]
	before := len(p.tail)
	p.tail = e.encode(p.tail)
	p.events++
	s.events++
	s.size += int64(len(p.tail) - before)
	if len(p.tail) < spoolBlock {
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "history-*.spool")
		if err != nil {
			return fmt.Errorf("projections: spool: %w", err)
		}
		_ = os.Remove(f.Name()) // where an open file cannot be removed, close does it
		s.file = f
	}
	if _, err := s.file.WriteAt(p.tail, s.end); err != nil {
		return fmt.Errorf("projections: spool: %w", err)
	}
	p.blocks = append(p.blocks, spoolRange{s.end, int64(len(p.tail))})
	s.end += int64(len(p.tail))
	p.tail = p.tail[:0]
	return nil
}

// read decodes the events of a part, in the order in which they were added.
func (s *spool) read(part int, decode func(Stored) (domain.Recorded, error)) ([]domain.Recorded, error) {
	p := &s.parts[part]
	out := make([]domain.Recorded, 0, p.events)
	rest := func(text []byte) error {
		for len(text) > 0 {
			var e Stored
			if text = e.take(text); text == nil {
				return errSpool
			}
			r, err := decode(e)
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	}
	block := make([]byte, 0, spoolBlock)
	for _, b := range p.blocks {
		block = slices.Grow(block[:0], int(b.length))[:b.length]
		if n, err := s.file.ReadAt(block, b.offset); n < len(block) {
			return nil, fmt.Errorf("%w: %w", errSpool, errors.Join(err, io.ErrUnexpectedEOF))
		}
		if err := rest(block); err != nil {
			return nil, err
		}
	}
	return out, rest(p.tail)
}

// errSpool says that what was put down cannot be read back.
var errSpool = errors.New("projections: spool cannot be read")

// reset empties the spool and gives its memory and disk space back.
func (s *spool) reset() {
	s.close()
	*s = spool{dir: s.dir}
}

func (s *spool) close() {
	if s.file == nil {
		return
	}
	_ = s.file.Close()
	_ = os.Remove(s.file.Name()) // where it still has its name
}

// encode appends the event to a text.
func (e Stored) encode(to []byte) []byte {
	to = binary.AppendUvarint(to, e.Revision)
	to = binary.AppendUvarint(to, e.Position)
	to = binary.AppendVarint(to, e.Created.UnixNano())
	to = append(to, e.ID[:]...)
	for _, field := range []string{e.Stream, e.Type} {
		to = binary.AppendUvarint(to, uint64(len(field)))
		to = append(to, field...)
	}
	for _, field := range [][]byte{e.Data, e.Meta} {
		to = binary.AppendUvarint(to, uint64(len(field)))
		to = append(to, field...)
	}
	return to
}

// take reads what encode made, and answers with what is behind it; nil where it was something else. Data and Meta are
// parts of the text.
func (e *Stored) take(text []byte) (rest []byte) {
	number := func() (n uint64) {
		n, size := binary.Uvarint(text)
		if size <= 0 {
			text = nil
			return 0
		}
		text = text[size:]
		return n
	}
	bytes := func(n uint64) (field []byte) {
		if n > uint64(len(text)) {
			text = nil
			return nil
		}
		field, text = text[:n:n], text[n:]
		return field
	}
	e.Revision, e.Position = number(), number()
	created, size := binary.Varint(text)
	if size <= 0 {
		return nil
	}
	text = text[size:]
	e.Created = time.Unix(0, created).UTC()
	copy(e.ID[:], bytes(uint64(len(e.ID))))
	e.Stream, e.Type = string(bytes(number())), string(bytes(number()))
	e.Data, e.Meta = bytes(number()), bytes(number())
	return text
}
