// Package spool sorts records by partition in a temporary file: it takes them in any order and gives them back one
// partition after the other. It knows nothing of events; a record tells where it ends by itself.
package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// BlockSize is how many bytes of a partition are written at once.
const BlockSize = 64 << 10

// ErrUnreadable says that what was written cannot be read back.
var ErrUnreadable = errors.New("spool cannot be read")

// Spool is a file of records. Its file has no name where the system allows that. It is for one goroutine.
type Spool struct {
	dir        string
	file       *os.File // nil until there is a full block
	end        int64
	partitions []partition
	records    int
	size       int64
}

// partition is the blocks of a partition that are in the file, and the bytes that are not.
type partition struct {
	blocks  []block
	tail    []byte
	records int
}

type block struct{ offset, length int64 }

// New makes an empty spool; the file is created in dir when there is something to write.
func New(dir string, partitions int) *Spool {
	return &Spool{dir: dir, partitions: make([]partition, partitions)}
}

// Len is the number of records.
func (s *Spool) Len() int { return s.records }

// Size is the number of bytes that the records take.
func (s *Spool) Size() int64 { return s.size }

// Add adds the record that encode appends to its argument. An error says that the file takes no more; the record is
// kept in memory then, so nothing is lost, but nothing more should be added.
func (s *Spool) Add(part int, encode func([]byte) []byte) error {
	p := &s.partitions[part]
	before := len(p.tail)
	p.tail = encode(p.tail)
	p.records++
	s.records++
	s.size += int64(len(p.tail) - before)
	if len(p.tail) < BlockSize {
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "history-*.spool")
		if err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		_ = os.Remove(f.Name()) // where an open file cannot be removed, Close does it
		s.file = f
	}
	if _, err := s.file.WriteAt(p.tail, s.end); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	p.blocks = append(p.blocks, block{s.end, int64(len(p.tail))})
	s.end += int64(len(p.tail))
	p.tail = p.tail[:0]
	return nil
}

// Records is the number of records of a partition.
func (s *Spool) Records(part int) int { return s.partitions[part].records }

// Read calls decode with whole records of a partition, some at a time, in the order in which they were added. The text
// is valid during the call only.
func (s *Spool) Read(part int, decode func(text []byte) error) error {
	p := &s.partitions[part]
	text := make([]byte, 0, BlockSize)
	for _, b := range p.blocks {
		text = slices.Grow(text[:0], int(b.length))[:b.length]
		if n, err := s.file.ReadAt(text, b.offset); n < len(text) {
			return fmt.Errorf("%w: %w", ErrUnreadable, errors.Join(err, io.ErrUnexpectedEOF))
		}
		if err := decode(text); err != nil {
			return err
		}
	}
	return decode(p.tail)
}

// Reset empties the spool and gives its memory and disk space back.
func (s *Spool) Reset() {
	s.Close()
	*s = *New(s.dir, len(s.partitions))
}

// Close removes the file.
func (s *Spool) Close() {
	if s.file == nil {
		return
	}
	_ = s.file.Close()
	_ = os.Remove(s.file.Name()) // where it still has its name
}
