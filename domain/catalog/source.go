package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// positions are the lines of a file's members and of theirs, such as modules and modules.basic.
type positions map[string]int

// of is the file and line of a member; the file's first line where it has no such member.
func (p positions) of(file, member string) string {
	return fmt.Sprintf("%s:%d", file, max(p[member], 1))
}

// readYAML reads a file into a value of the shape that it must have; an error names file and line.
func readYAML[T any](dir fs.FS, name string, into *T) (positions, error) {
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	parsed, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return nil, placed(name, err)
	}
	// Once for unknown members and wrong types, with their lines; schemas are left to the compiler of schemas.
	skip := yaml.CustomUnmarshaler(func(*json.RawMessage, []byte) error { return nil })
	var probe T
	if err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict(), skip).Decode(&probe); err != nil {
		return nil, placed(name, err)
	}
	// And once by way of JSON, which keeps the order of a schema's properties: it is the order of the form.
	converted, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return nil, placed(name, err)
	}
	if err := json.Unmarshal(converted, into); err != nil {
		return nil, placed(name, err)
	}
	at := positions{}
	for _, doc := range parsed.Docs {
		at.note("", doc.Body, 2)
	}
	return at, nil
}

func (p positions) note(prefix string, n ast.Node, depth int) {
	if anchor, ok := n.(*ast.AnchorNode); ok {
		n = anchor.Value
	}
	members, ok := n.(ast.MapNode)
	if !ok || depth == 0 {
		return
	}
	for i := members.MapRange(); i.Next(); {
		key := prefix + i.Key().String()
		p[key] = i.Key().GetToken().Position.Line
		p.note(key+".", i.Value(), depth-1)
	}
}

// placed says what the library for YAML found, with file and line and without its picture of the source.
func placed(name string, err error) error {
	var e interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &e) && e.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", name, e.GetToken().Position.Line, e.GetMessage())
	}
	return fmt.Errorf("%s:1: %w", name, err)
}

// partError is a fault in one part of a definition.
type partError struct {
	section, key string // such as modules and basic
	err          error
}

func (e *partError) Error() string { return fmt.Sprintf("%s %s: %v", e.section, e.key, e.err) }

func (e *partError) Unwrap() error { return e.err }

// located puts before each fault of a definition where its part is written; origins has file and line by part.
func located(err error, otherwise string, origins map[string]string) error {
	if part, ok := err.(*partError); ok { //nolint:errorlint // the outermost one names the part
		if at, ok := origins[part.section+"."+part.key]; ok {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return fmt.Errorf("%s: %w", otherwise, err)
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, located(e, otherwise, origins))
	}
	return errors.Join(errs...)
}
