package blobs

import (
	"fmt"
	"image"
	_ "image/jpeg" // decoders of the pictures that slots may take
	_ "image/png"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"

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

// maxPixels bounds what a picture is decoded to: a small file can claim to be huge.
const maxPixels = 40_000_000

// inspect finds the type of the content from its bytes and opens it far enough to know that a reviewer can.
func inspect(content io.ReadSeeker, limit Limit) (string, error) {
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
		return "", ErrType.With(text.Args{"type": typ})
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", storing(err)
	}
	switch typ {
	case "image/jpeg", "image/png":
		return typ, picture(content, limit)
	case "application/pdf":
		return typ, document(content)
	}
	return typ, nil
}

func picture(content io.ReadSeeker, limit Limit) error {
	c, _, err := image.DecodeConfig(content)
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
	if _, _, err := image.Decode(content); err != nil {
		return ErrPicture
	}
	return nil
}

func sizes(limit Limit) string {
	if len(limit.Pixels) == 0 {
		return fmt.Sprintf("≤ %d px", maxPixels)
	}
	var all []string
	for _, p := range limit.Pixels {
		all = append(all, fmt.Sprintf("%d×%d", p.Width, p.Height))
	}
	return strings.Join(all, ", ")
}

// document opens a PDF. The library may panic on hostile input, which is a broken document to us.
func document(content io.ReadSeeker) (err error) {
	defer func() {
		if recover() != nil {
			err = ErrPDF
		}
	}()
	api.DisableConfigDir() // or the library writes its settings into the home folder; calling it again is harmless
	conf := model.NewDefaultConfiguration()
	conf.ValidationMode = model.ValidationRelaxed
	ctx, err := api.ReadContext(content, conf)
	switch {
	case err != nil && strings.Contains(err.Error(), "password"):
		return ErrEncrypted
	case err != nil:
		return ErrPDF
	case ctx.Encrypt != nil:
		return ErrEncrypted
	}
	if err := ctx.EnsurePageCount(); err != nil || ctx.PageCount == 0 {
		return ErrPDF
	}
	return nil
}

// MaxNameBytes is what common file systems can hold.
const MaxNameBytes = 255

// SafeName is the last part of a file name that a browser sent, without control characters, cut to MaxNameBytes
// but keeping its ending. Empty where nothing is left.
func SafeName(name string) string {
	name = strings.ToValidUTF8(name, "")
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '/' {
			return -1
		}
		return r
	}, name))
	if name == "." || name == ".." {
		return ""
	}
	if len(name) <= MaxNameBytes {
		return name
	}
	ext := path.Ext(name)
	if len(ext) > 16 {
		ext = ""
	}
	stem := name[:MaxNameBytes-len(ext)]
	for !utf8.ValidString(stem) {
		stem = stem[:len(stem)-1]
	}
	return stem + ext
}
