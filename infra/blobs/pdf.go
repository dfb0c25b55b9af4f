package blobs

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/filter"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// withoutConfigDir keeps the library from writing its settings into the home folder.
var withoutConfigDir = sync.OnceFunc(api.DisableConfigDir)

// document opens a PDF as far as its first page. The library may panic on hostile input, which is a broken document
// to us, as is one that unfolds to more than the bounds, or takes too long.
func (s *Store) document(ctx context.Context, content io.ReadSeeker) (err error) {
	if err := s.room.Acquire(ctx, pdfMemory); err != nil {
		return fmt.Errorf("wait to look at content: %w: %w", ErrUnavailable, err)
	}
	defer s.room.Release(pdfMemory)
	defer func() {
		if recover() != nil {
			err = ErrPDF
		}
	}()
	if err := ended(content); err != nil {
		return err
	}
	withoutConfigDir()
	conf := model.NewDefaultConfiguration()
	conf.ValidationMode = model.ValidationRelaxed
	conf.Limits.MaxStreamBytes, conf.Limits.MaxDecodeBytes, conf.Limits.MaxObjectStreamFirst = pdfStream, pdfStream, pdfStream
	conf.Limits.MaxObjectCount, conf.Limits.MaxObjectStreamCount, conf.Limits.MaxXRefEntries = pdfObjects, pdfObjects, pdfObjects
	reading, stop := context.WithTimeout(ctx, pdfTime)
	defer stop()
	doc, err := pdfcpu.ReadWithContext(reading, content, conf)
	switch {
	case err != nil && strings.Contains(err.Error(), "password"):
		return ErrEncrypted
	case err != nil:
		return ErrPDF
	case doc.Encrypt != nil:
		return ErrEncrypted
	}
	if err := doc.EnsurePageCount(); err != nil || doc.PageCount == 0 {
		return ErrPDF
	}
	first, _, _, err := doc.PageDict(1, false)
	if err != nil || first == nil {
		return ErrPDF
	}
	return drawn(doc, first)
}

// drawn tells whether the content of a page can be decoded: one that was zeroed or cut opens as an empty page. A page
// without content is blank, and a filter that the library does not know is left to the reviewer's reader.
func drawn(doc *model.Context, page types.Dict) error {
	o, found := page.Find("Contents")
	if !found {
		return nil
	}
	content, err := doc.Dereference(o)
	if err != nil {
		return ErrPDF
	}
	parts, several := content.(types.Array)
	if !several {
		parts = types.Array{content}
	}
	for _, part := range parts {
		stream, _, err := doc.DereferenceStreamDict(part)
		if err != nil {
			return ErrPDF
		}
		if stream == nil { // a reference to nothing is null
			continue
		}
		if err := stream.DecodeWithLimit(pdfStream); err != nil && !errors.Is(err, filter.ErrUnsupportedFilter) && !errors.Is(err, zlib.ErrChecksum) {
			return ErrPDF
		}
		if len(stream.Content) > 0 && len(bytes.Trim(stream.Content, "\x00")) == 0 { // zeroed where nothing is compressed
			return ErrPDF
		}
	}
	return nil
}
