package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"zhiping/domain"
	"zhiping/domain/gb"
	"zhiping/domain/text"
)

// schema is one compiled JSON Schema: draft checks what is wrong even in an unfinished form, full also what is
// missing.
type schema struct {
	doc         any // the schema itself, to find titles in
	draft, full *jsonschema.Schema
}

func compileSchema(name string, raw json.RawMessage) (*schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := &schema{doc: doc}
	if s.full, err = compileDoc(name, doc); err != nil {
		return nil, err
	}
	s.draft, err = compileDoc(name+"-draft", relaxed(doc))
	return s, err
}

const dialect = "https://json-schema.org/draft/2020-12/schema"

// dialected names the dialect of a schema that does not, so that any client knows how to read it.
func dialected(schema json.RawMessage) json.RawMessage {
	var named struct {
		Dialect *string `json:"$schema"`
	}
	rest, isObject := bytes.CutPrefix(bytes.TrimSpace(schema), []byte("{"))
	if err := json.Unmarshal(schema, &named); err != nil || named.Dialect != nil || !isObject {
		return schema
	}
	head := `{"$schema":"` + dialect + `"`
	if rest = bytes.TrimSpace(rest); rest[0] != '}' {
		head += ","
	}
	return append([]byte(head), rest...)
}

func compileDoc(name string, doc any) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	for _, f := range formats() {
		c.RegisterFormat(f)
	}
	url := "https://zhiping.invalid/" + name
	if err := c.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// formats are those of the numbers that people in China type; each refuses what cannot exist.
func formats() []*jsonschema.Format {
	of := func(name string, check func(string) error) *jsonschema.Format {
		return &jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok {
				return check(s)
			}
			return nil
		}}
	}
	wrong := errors.New("wrong")
	return []*jsonschema.Format{
		of("cn-id", gb.CheckIDNumber),
		of("uscc", func(s string) error {
			if form, _ := gb.CheckCreditCode(s); !form {
				return wrong
			}
			return nil
		}),
		of("cn-mobile", func(s string) error {
			if len(s) != 11 || s[0] != '1' || s[1] < '3' || strings.Trim(s, "0123456789") != "" {
				return wrong
			}
			return nil
		}),
		of("year-month", func(s string) error { _, err := time.Parse("2006-01", s); return err }),
	}
}

// faults checks data and says in people's words what is wrong with it, in the order of the places in the data.
func (s *schema) faults(data map[string]any, draft bool) []domain.Fault {
	check := s.full
	if draft {
		check = s.draft
	}
	err := check.Validate(data)
	var ve *jsonschema.ValidationError
	if !errors.As(err, &ve) {
		return nil
	}
	var out []domain.Fault
	s.collect(ve, &out)
	slices.SortStableFunc(out, func(a, b domain.Fault) int {
		return strings.Compare(a.Field+"\x00"+a.Code, b.Field+"\x00"+b.Code)
	})
	out = slices.CompactFunc(out, func(a, b domain.Fault) bool { return a.Field == b.Field && a.Code == b.Code })
	// A format says more than the pattern beside it, which is for clients that do not know the format.
	return slices.DeleteFunc(out, func(f domain.Fault) bool {
		return f.Code == "pattern" && slices.ContainsFunc(out, func(o domain.Fault) bool { return o.Field == f.Field && strings.HasPrefix(o.Code, "format_") })
	})
}

func (s *schema) collect(e *jsonschema.ValidationError, out *[]domain.Fault) {
	if len(e.Causes) > 0 {
		for _, c := range e.Causes {
			s.collect(c, out)
		}
		return
	}
	add := func(code string, args text.Args, at ...string) {
		path := append(slices.Clone(e.InstanceLocation), at...)
		if args == nil {
			args = text.Args{}
		}
		args["field"] = s.title(path)
		f := domain.NewFault(code, args)
		f.Field = pointer(path)
		*out = append(*out, f)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			add("required", nil, name)
		}
	case *kind.DependentRequired:
		for _, name := range k.Missing {
			add("required", nil, name)
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			add("unknown_field", nil, name)
		}
	case *kind.Type:
		add("type", text.Args{"want": text.Of("type."+k.Want[0], nil)})
	case *kind.Enum, *kind.Const:
		add("choice", nil)
	case *kind.FalseSchema:
		add("not_applicable", nil)
	case *kind.Format:
		code := "format_" + strings.ReplaceAll(k.Want, "-", "_")
		if !text.Has("fault." + code) {
			code = "pattern" // a standard's format that none of our own forms has, such as email
		}
		add(code, nil)
	case *kind.Pattern:
		add("pattern", nil)
	case *kind.MaxLength:
		add("max_length", text.Args{"max": k.Want})
	case *kind.MinLength:
		add("min_length", text.Args{"min": k.Want})
	case *kind.MaxItems:
		add("max_items", text.Args{"max": k.Want})
	case *kind.MinItems:
		add("min_items", text.Args{"min": k.Want})
	case *kind.Minimum:
		add("minimum", text.Args{"min": k.Want.RatString()})
	case *kind.Maximum:
		add("maximum", text.Args{"max": k.Want.RatString()})
	default:
		add("does_not_fit", nil)
	}
}

// title is what a place in the data is called on the form, with the number of its row, from 1; the last part of its
// path where the schema does not say.
func (s *schema) title(path []string) text.Text {
	at, row, name := s.doc, 0, ""
	for _, p := range path {
		m, _ := at.(map[string]any)
		props, _ := m["properties"].(map[string]any)
		i, err := strconv.Atoi(p)
		switch {
		case props[p] != nil:
			at, name = props[p], p
		case err == nil && m["items"] != nil:
			at, row, name = m["items"], i+1, ""
		default:
			at, name = nil, p
		}
	}
	if row > 0 && name == "" {
		return text.Of("row", text.Args{"n": row})
	}
	m, _ := at.(map[string]any)
	title := text.Same(name)
	if zh, _ := m["title"].(string); zh != "" {
		en, _ := m["x-title-en"].(string)
		title = text.Text{ZH: zh, EN: cmp.Or(en, zh)}
	}
	if row > 0 {
		return text.Of("row.field", text.Args{"n": row, "field": title})
	}
	return title
}
