package http

import (
	"fmt"
	"math"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"zhiping/domain"
	"zhiping/domain/text"
)

// attrChars are what RFC 8187 leaves as it is, beside letters and digits.
const attrChars = "!#$&+-.^_`|~"

// disposition makes a browser save a file under a name: as it is for those who read RFC 8187, which all of today do, and
// in ASCII for the others.
func disposition(name string) string {
	var plain, encoded strings.Builder
	for _, r := range strings.ToValidUTF8(name, "_") {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%/`, r) {
			r = '_'
		}
		plain.WriteRune(r)
	}
	for _, b := range []byte(name) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte(attrChars, b) >= 0 {
			encoded.WriteByte(b)
			continue
		}
		fmt.Fprintf(&encoded, "%%%02X", b)
	}
	return `attachment; filename="` + plain.String() + `"; filename*=UTF-8''` + encoded.String()
}

// sentNames undoes what browsers write for the characters that would end the name in a form's header (WHATWG HTML,
// “multipart/form-data encoding algorithm”).
var sentNames = strings.NewReplacer("%22", `"`, "%0D", "\r", "%0A", "\n")

// rawFileName is the name as it was sent. The standard library cuts paths with slashes only, and by the server's
// own rules; SafeName knows those of all systems.
func rawFileName(part *multipart.Part) string {
	if _, params, err := mime.ParseMediaType(part.Header.Get(fiber.HeaderContentDisposition)); err == nil {
		return sentNames.Replace(params["filename"])
	}
	return sentNames.Replace(part.FileName())
}

var errRange = domain.NewError("range", "range_not_satisfiable")

// rangeOf reads a single byte range (RFC 9110, 14.1.2). Several at once, and what is no range, are served whole, which is
// allowed; one that has no byte of the content is refused.
func rangeOf(header string, size int64) (offset, length int64, partial bool, err error) {
	unit, spec, _ := strings.Cut(header, "=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	from, begins := places(first)
	to, ends := places(last)
	switch {
	case !strings.EqualFold(unit, "bytes") || !dash || !begins && first != "" || !ends && last != "" || !begins && !ends:
		return 0, size, false, nil
	case !begins: // the last bytes
		from, to = max(0, size-to), size-1
	case !ends || to >= size && from < size:
		to = size - 1
	}
	if from >= size || to < from {
		return 0, 0, false, errRange.With(text.Args{"size": size})
	}
	return from, to - from + 1, true, nil
}

// places reads digits alone; what is beyond all numbers is the largest.
func places(digits string) (int64, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}
