package projections

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/projections/internal/spool"
)

// Stored is an event in its store's own bytes: a fraction of what it takes decoded. Whoever decodes it keeps nothing of
// Data and Meta.
type Stored struct {
	Stream   string
	Type     string
	Revision uint64
	Position uint64
	ID       uuid.UUID
	Created  time.Time
	Data     []byte
	Meta     []byte
}

// readSpooled decodes the events of a partition, in the order in which they were added.
func readSpooled(s *spool.Spool, part int, decode func(Stored) (domain.Recorded, error)) ([]domain.Recorded, error) {
	out := make([]domain.Recorded, 0, s.Records(part))
	err := s.Read(part, func(text []byte) error {
		for len(text) > 0 {
			var e Stored
			if text = e.take(text); text == nil {
				return spool.ErrUnreadable
			}
			r, err := decode(e)
			if err != nil {
				return stoppedBefore(e, err)
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
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
