package blobs

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
)

// What readers look for at the end of a PDF, and how far before it: there the way to all objects begins, so that a file
// that was cut off lacks it. Some programs fill the rest of a block with blanks or zeros.
const (
	endRoom  = 1024
	fillRoom = 64 << 10
	headRoom = 1024 // before the header, where some programs write something of their own
)

var (
	lastTable = regexp.MustCompile(`startxref\s+(\d{1,18})\s*$`)
	tableAt   = regexp.MustCompile(`(?:^|[^t])xref|\d\s+\d+\s+obj`) // a table, or the object that is a compressed one
)

// ended refuses a document that is not there to its end: it says last where its table is, no object follows that, and
// there is a table at that place. The library makes up what is missing, and not every reader does.
func ended(content io.ReadSeeker) error {
	size, err := content.Seek(0, io.SeekEnd)
	if err != nil {
		return storing(err)
	}
	tail, err := window(content, size-fillRoom, fillRoom)
	if err != nil {
		return err
	}
	tail = bytes.TrimRight(tail, "\x00\t\n\f\r ")
	tail = tail[max(0, len(tail)-endRoom):]
	mark := bytes.LastIndex(tail, []byte("%%EOF"))
	if mark < 0 || bytes.Contains(tail[mark:], []byte(" obj")) {
		return ErrPDF
	}
	last := lastTable.FindSubmatch(tail[:mark])
	if last == nil {
		return ErrPDF
	}
	at, _ := strconv.ParseInt(string(last[1]), 10, 64) // eighteen digits fit
	head, err := window(content, 0, headRoom)
	if err != nil {
		return err
	}
	for _, start := range []int64{0, int64(max(0, bytes.Index(head, []byte("%PDF-"))))} {
		const slack = 16 // places are a little wrong in many files, and readers do not mind
		table, err := window(content, at+start-slack, 2*slack+64)
		if err != nil {
			return err
		}
		if tableAt.Match(table) {
			return nil
		}
	}
	return ErrPDF
}

// window is a part of the content, as much as there is of it.
func window(content io.ReadSeeker, from int64, length int) ([]byte, error) {
	if _, err := content.Seek(max(0, from), io.SeekStart); err != nil {
		return nil, storing(err)
	}
	out := make([]byte, length)
	n, err := io.ReadFull(content, out)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, storing(err)
	}
	return out[:n], nil
}
