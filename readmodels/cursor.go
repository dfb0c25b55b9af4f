package readmodels

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// ErrCursor means that a text is not a cursor that EncodeCursor made: the client's fault.
var ErrCursor = errors.New("readmodels: not a cursor")

// maxCursor bounds what DecodeCursor looks at, in bytes: a cursor holds one field's value and one id.
const maxCursor = 4096

// EncodeCursor makes an opaque, URL-safe text of a key. The key's value is a string, int64, bool or nil; any other
// type is a programming error and panics.
func EncodeCursor(k Key) string {
	var kind byte
	var value string
	switch v := k.Value.(type) {
	case nil:
		kind = 'n'
	case string:
		kind, value = 's', v
	case int64:
		kind, value = 'i', strconv.FormatInt(v, 10)
	case bool:
		kind, value = 'b', strconv.FormatBool(v)
	default:
		panic(fmt.Sprintf("readmodels: a cursor over %T", k.Value))
	}
	b := append(make([]byte, 0, 4+len(value)+len(k.ID)), kind)
	b = binary.AppendUvarint(b, uint64(len(value)))
	b = append(append(b, value...), k.ID...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// DecodeCursor reads what EncodeCursor wrote, and answers ErrCursor to anything else. A cursor is not signed:
// whoever changes one only chooses another place in the same list to continue from.
func DecodeCursor(s string) (Key, error) {
	if len(s) > maxCursor {
		return Key{}, ErrCursor
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) == 0 {
		return Key{}, ErrCursor
	}
	n, size := binary.Uvarint(b[1:])
	if size <= 0 || n > uint64(len(b)-1-size) { // #nosec G115 -- not negative: the first byte and the length were read
		return Key{}, ErrCursor
	}
	rest := b[1+size:]
	value, id := string(rest[:n]), string(rest[n:])
	if !utf8.ValidString(value) || !utf8.ValidString(id) {
		return Key{}, ErrCursor
	}
	k := Key{ID: id}
	switch b[0] {
	case 'n':
		if value != "" {
			return Key{}, ErrCursor
		}
	case 's':
		k.Value = value
	case 'i':
		if k.Value, err = strconv.ParseInt(value, 10, 64); err != nil {
			return Key{}, ErrCursor
		}
	case 'b':
		if k.Value, err = strconv.ParseBool(value); err != nil {
			return Key{}, ErrCursor
		}
	default:
		return Key{}, ErrCursor
	}
	return k, nil
}
