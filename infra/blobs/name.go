package blobs

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes is what common file systems can hold.
const MaxNameBytes = 255

// endings are what names of a type end with, the usual one first: systems open files by it.
var endings = map[string][]string{
	"application/pdf": {".pdf"},
	"image/jpeg":      {".jpg", ".jpeg", ".jpe", ".jfif"},
	"image/png":       {".png"},
}

// SafeName is the last part of a file name that a browser sent, without control characters, cut to MaxNameBytes
// but keeping its ending, which is one of the content's type: another type's is replaced. Empty where nothing is left.
func SafeName(name, typ string) string {
	name = strings.ToValidUTF8(name, "")
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '/' {
			return -1
		}
		return r
	}, name))
	if name == "." || name == ".." || name == "" {
		return ""
	}
	name = fitting(name, typ)
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

// fitting gives a name the ending of its type, where the type has one.
func fitting(name, typ string) string {
	ext := strings.ToLower(path.Ext(name))
	own := endings[typ]
	if len(own) == 0 || slices.Contains(own, ext) {
		return name
	}
	for _, others := range endings {
		if slices.Contains(others, ext) && len(ext) < len(name) {
			return fitting(name[:len(name)-len(ext)], typ)
		}
	}
	return name + own[0]
}
