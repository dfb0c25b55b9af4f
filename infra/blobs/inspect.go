package blobs

import (
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // decoders of the pictures that slots may take
	_ "image/png"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/text"
)

// The refusals of the inspection.
var (
	ErrType      = domain.NewError(domain.UnsupportedType, "upload_type")
	ErrEmpty     = domain.NewError(domain.Invalid, "upload_empty")
	ErrPixels    = domain.NewError(domain.Invalid, "upload_pixels")
	ErrPicture   = domain.NewError(domain.Invalid, "upload_broken_picture")
	ErrPDF       = domain.NewError(domain.Invalid, "upload_broken_pdf")
	ErrEncrypted = domain.NewError(domain.Invalid, "upload_encrypted_pdf")
)

// What small files can unfold to is bounded, each by itself and all that are looked at in one moment together.
const (
	maxPixels   = 40_000_000
	jpegPixel   = 16 // bytes while a pixel is decoded; a progressive one takes the most
	pngPixel    = 8
	pdfStream   = 32 << 20 // bytes of one stream of a PDF, decoded
	pdfObjects  = 250_000
	pdfMemory   = 4 * pdfStream
	pdfTime     = 30 * time.Second
	workingRoom = maxPixels * jpegPixel
)

// inspect finds the type of the content from its bytes and opens it far enough to know that a reviewer can.
func (s *Store) inspect(ctx context.Context, content io.ReadSeeker, limit Limit) (string, error) {
	if end, err := content.Seek(0, io.SeekEnd); err != nil {
		return "", storing(err)
	} else if end == 0 {
		return "", ErrEmpty
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", storing(err)
	}
	detected, err := mimetype.DetectReader(content)
	if err != nil {
		return "", storing(err)
	}
	typ, _, _ := strings.Cut(detected.String(), ";")
	if !slices.Contains(limit.Types, typ) {
		return "", ErrType.With(text.Args{"type": named(typ), "taken": listed(limit.Types)})
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", storing(err)
	}
	switch typ {
	case "image/jpeg", "image/png":
		return typ, s.picture(ctx, content, limit)
	case "application/pdf":
		return typ, s.document(ctx, content)
	}
	return typ, nil
}

func (s *Store) picture(ctx context.Context, content io.ReadSeeker, limit Limit) error {
	c, format, err := image.DecodeConfig(content)
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return ErrPicture
	}
	if len(limit.Pixels) > 0 && !slices.ContainsFunc(limit.Pixels, func(p catalog.Pixels) bool {
		return p.Width == c.Width && p.Height == c.Height
	}) {
		return ErrPixels.With(text.Args{"width": c.Width, "height": c.Height, "sizes": sizes(limit)})
	}
	if c.Width > maxPixels/c.Height {
		return ErrPixels.With(text.Args{"width": c.Width, "height": c.Height, "sizes": sizes(limit)})
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return storing(err)
	}
	room := int64(c.Width) * int64(c.Height) * jpegPixel
	if format == "png" {
		room = int64(c.Width) * int64(c.Height) * pngPixel
	}
	if err := s.room.Acquire(ctx, room); err != nil {
		return fmt.Errorf("wait to look at content: %w: %w", ErrUnavailable, err)
	}
	defer s.room.Release(room)
	if _, _, err := image.Decode(content); err != nil {
		return ErrPicture
	}
	return nil
}

func sizes(limit Limit) text.Text {
	if len(limit.Pixels) == 0 {
		return text.Of("upload.megapixels", text.Args{"n": text.Text{
			ZH: strconv.Itoa(maxPixels / 10_000), EN: strconv.Itoa(maxPixels / 1_000_000), // the Chinese count by 万
		}})
	}
	var all []string
	for _, p := range limit.Pixels {
		all = append(all, fmt.Sprintf("%d×%d", p.Width, p.Height))
	}
	return text.Of("upload.sizes", text.Args{"sizes": strings.Join(all, ", ")})
}

// named is what people call a type of content; a type that they have no name for is called by its code.
func named(typ string) text.Text {
	if key := "file_type." + typ; text.Has(key) {
		return text.Of(key, nil)
	}
	return text.Same(typ)
}

func listed(types []string) text.Text {
	var zh, en []string
	for _, typ := range types {
		n := named(typ)
		zh, en = append(zh, n.ZH), append(en, n.EN)
	}
	return text.Text{ZH: strings.Join(zh, "、"), EN: strings.Join(en, ", ")}
}
