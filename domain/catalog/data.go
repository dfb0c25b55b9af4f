package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"zhiping/domain"
	"zhiping/domain/text"
)

// Bounds on what a form may hold: far above any honest form, far below what could hurt.
const (
	MaxDataBytes = 1 << 20
	maxDepth     = 16
	maxExponent  = 30
	maxValues    = 5000 // values in one module's data; the largest honest form has some hundreds
	maxMembers   = 200  // of one object or list
	maxName      = 100  // characters of a member's name, since faults repeat it
)

var errRefused = errors.New("catalog: refused")

// decode reads one module's data: an object without repeated members, control characters, or numbers whose exact
// value would fill the memory. Blank strings and nulls are dropped, so that a field that was emptied on screen
// counts as not filled in. A fault is answered instead of data.
func decode(data json.RawMessage) (map[string]any, *domain.Fault) {
	fault := func(code string, args text.Args, at []string) (map[string]any, *domain.Fault) {
		f := domain.NewFault(code, args)
		f.Field = pointer(at)
		return nil, &f
	}
	if len(data) > MaxDataBytes {
		return fault("too_many_bytes", text.Args{"max": MaxDataBytes / 1024}, nil)
	}
	// Repeated members and broken UTF-8 are refused below, where their place is known.
	dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	r := reader{dec: dec}
	v, err := r.value(nil)
	if errors.Is(err, errRefused) {
		return fault(r.code, r.args, r.at)
	}
	if err != nil {
		return fault("not_json", nil, nil)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return fault("not_json", nil, nil)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return fault("not_object", nil, nil)
	}
	return m, nil
}

type reader struct {
	dec  *jsontext.Decoder
	seen int    // values so far
	code string // what is refused
	args text.Args
	at   []string // and where
}

func (r *reader) refuse(code string, at []string) (any, error) {
	r.code, r.at = code, at
	return nil, errRefused
}

func (r *reader) value(at []string) (any, error) {
	if len(at) > maxDepth {
		return r.refuse("too_deep", nil)
	}
	if r.seen++; r.seen > maxValues {
		return r.refuse("too_many_values", nil)
	}
	tok, err := r.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		return r.object(at)
	case '[':
		return r.list(at)
	case '"':
		s := tok.String()
		if unprintable(s) {
			return r.refuse("control_characters", at)
		}
		if strings.TrimSpace(s) == "" {
			return nil, nil
		}
		return s, nil
	case '0':
		n := tok.String()
		if extreme(n) {
			return r.refuse("number_too_large", at)
		}
		return json.Number(n), nil
	case 't', 'f':
		return tok.Bool(), nil
	}
	return nil, nil // null
}

func (r *reader) object(at []string) (any, error) {
	m := map[string]any{}
	seen := map[string]bool{}
	for r.more('}') {
		tok, err := r.dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := tok.String()
		here := append(append([]string{}, at...), key)
		if unprintable(key) {
			return r.refuse("control_characters", at)
		}
		if utf8.RuneCountInString(key) > maxName {
			r.args = text.Args{"max": maxName}
			return r.refuse("too_long", at)
		}
		if seen[key] {
			return r.refuse("repeated_member", here)
		}
		if seen[key] = true; len(seen) > maxMembers {
			return r.refuse("too_many_values", at)
		}
		v, err := r.value(here)
		if err != nil {
			return nil, err
		}
		if v != nil {
			m[key] = v
		}
	}
	_, err := r.dec.ReadToken()
	return m, err
}

func (r *reader) list(at []string) (any, error) {
	l := []any{}
	for i := 0; r.more(']'); i++ {
		v, err := r.value(append(append([]string{}, at...), strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		if l = append(l, v); len(l) > maxMembers {
			return r.refuse("too_many_values", at)
		}
	}
	_, err := r.dec.ReadToken()
	return l, err
}

// more tells whether a list or an object goes on; one that is broken ends here, and reading its end says why.
func (r *reader) more(end jsontext.Kind) bool {
	k := r.dec.PeekKind()
	return k != end && k != 0
}

func unprintable(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool {
		return c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f || c == '\uFFFD'
	})
}

// extreme tells whether a number's exact value needs very many digits: 1e999999999 is twelve bytes long.
func extreme(n string) bool {
	if len(n) > 40 {
		return true
	}
	i := strings.IndexAny(n, "eE")
	if i < 0 {
		return false
	}
	e, err := strconv.Atoi(strings.TrimPrefix(n[i+1:], "+"))
	return err != nil || e > maxExponent || e < -maxExponent
}

// pointer is a JSON pointer (RFC 6901).
func pointer(at []string) string {
	var b strings.Builder
	for _, p := range at {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return b.String()
}
