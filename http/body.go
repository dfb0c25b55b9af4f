package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// readBody takes a body in, within its limit. What is too large is read on and thrown away for a while, because a sender
// that is cut off never hears why.
func (s *Server) readBody(c *fiber.Ctx) error {
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		return nil
	}
	var body []byte
	var err error
	if n := c.Request().Header.ContentLength(); n <= maxJSON {
		body, err = io.ReadAll(io.LimitReader(stream, maxJSON+1))
	}
	if err != nil {
		c.Context().SetConnectionClose()
		return ErrMalformed
	}
	if len(body) > maxJSON || c.Request().Header.ContentLength() > maxJSON {
		discard(c, stream)
		return ErrTooLarge
	}
	c.Request().SetBodyStream(bytes.NewReader(body), len(body))
	kind := mediaType(c)
	form := kind == fiber.MIMEApplicationForm || kind == fiber.MIMEMultipartForm
	if !utf8.Valid(body) {
		return ErrMalformed
	}
	if len(body) == 0 || form {
		return nil
	}
	switch one, values := unambiguous(body); {
	case values > maxValues:
		return ErrTooLarge
	case !one:
		return ErrMalformed
	}
	return nil
}

// mediaType is what a body is said to be, without parameters. A suffix such as +json is part of it: the reader of bodies
// takes any type with that suffix for JSON.
func mediaType(c *fiber.Ctx) string {
	kind, _, _ := strings.Cut(c.Get(fiber.HeaderContentType), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// discard reads what is left of a body, up to a bound, and ends the connection.
func discard(c *fiber.Ctx, stream io.Reader) {
	_, _ = io.CopyN(io.Discard, stream, maxDiscarded)
	c.Context().SetConnectionClose()
}

// deepest is how far the arrays and objects of a body may be nested.
const deepest = 64

// maxValues is how many values a JSON body may hold, names of members included: each can be wrong in its own way, and is
// told of in an answer larger than itself. The largest form has some hundred rows of ten.
const maxValues = 20_000

// unambiguous tells whether a text is one JSON value that means the same to every reader: no object in it names a
// member twice (RFC 8259, section 4, leaves the meaning of that open), and nothing follows it. It stops counting values
// one past maxValues.
func unambiguous(text []byte) (one bool, values int) {
	d := json.NewDecoder(bytes.NewReader(text))
	if !unambiguousValue(d, 0, &values) {
		return false, values
	}
	_, err := d.Token()
	return errors.Is(err, io.EOF), values
}

func unambiguousValue(d *json.Decoder, depth int, values *int) bool {
	*values++
	t, err := d.Token()
	if err != nil || depth > deepest || *values > maxValues {
		return false
	}
	open, nested := t.(json.Delim)
	if !nested {
		return true
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			key, ok := name.(string)
			if err != nil || !ok || seen[key] {
				return false
			}
			seen[key] = true
			*values++
		}
		if !unambiguousValue(d, depth+1, values) {
			return false
		}
	}
	_, err = d.Token()
	return err == nil
}
