package catalog

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"zhiping/domain/text"
)

//go:embed definitions
var embedded embed.FS

// Line is a business line: one of the manual's five menus.
type Line struct {
	Key   string    `json:"key" yaml:"key"`
	Name  text.Text `json:"name" yaml:"name"`
	Types []TypeRef `json:"types" yaml:"types"`
}

// TypeRef names a declaration type.
type TypeRef struct {
	Key  string    `json:"key" yaml:"key"`
	Name text.Text `json:"name" yaml:"-"`
}

// Catalog is every declaration type's newest definition. Immutable.
type Catalog struct {
	lines       []Line
	definitions map[string]Definition
}

const libraryFile = "library.yaml"

// Load reads the embedded definitions, and over them those of a folder of the same shape: library.yaml, whose parts
// replace those of the same key, and one file a type, named after it. A nil folder is none. The folder's definitions are
// compiled once, so that a fault shows at the start, as tests do with the embedded ones; the error joins all faults, each
// with its file and line.
func Load(overrides fs.FS) (*Catalog, error) {
	base, err := fs.Sub(embedded, "definitions")
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	lib := library{origins: map[string]string{}}
	c := &Catalog{definitions: map[string]Definition{}}
	if err := c.add(base, &lib, func(Definition) error { return nil }); err != nil {
		return nil, err
	}
	if overrides != nil {
		if err := c.add(overrides, &lib, compiles); err != nil {
			return nil, err
		}
	}
	return c, c.list(lib)
}

func compiles(d Definition) error {
	_, err := Compile(d)
	return err
}

// add reads one folder.
func (c *Catalog) add(dir fs.FS, lib *library, compiles func(Definition) error) error {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	if err := lib.read(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, e := range entries {
		if name := e.Name(); name != libraryFile && !strings.HasPrefix(name, ".") {
			errs = append(errs, c.addType(dir, lib, name, compiles))
		}
	}
	return errors.Join(errs...)
}

func (c *Catalog) addType(dir fs.FS, lib *library, name string, compiles func(Definition) error) error {
	typ, isYAML := strings.CutSuffix(name, ".yaml")
	if !isYAML {
		return fmt.Errorf("%s: neither %s nor a type's file, which is named <type>.yaml", name, libraryFile)
	}
	var r recipe
	at, err := readYAML(dir, name, &r)
	if err != nil {
		return err
	}
	if r.Type != typ {
		return fmt.Errorf("%s: this file is of the type %q, and named after another", at.of(name, "type"), r.Type)
	}
	d, origins, err := lib.assemble(r, name, at)
	if err != nil {
		return err
	}
	if err := compiles(d); err != nil {
		return located(err, at.of(name, "type"), origins)
	}
	if old, ok := c.definitions[d.Type]; ok && d.Version == old.Version && !same(d, old) {
		return fmt.Errorf("%s: version %d of %s is another definition already: raise it", at.of(name, "version"), d.Version, d.Type)
	}
	c.definitions[d.Type] = d
	return nil
}

// same tells whether two definitions are stored alike.
func same(a, b Definition) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// list names the lines' types, each of which there must be, and each of which must be in its line.
func (c *Catalog) list(lib library) error {
	var errs []error
	listed := map[string]string{}
	for _, l := range lib.Lines {
		l.Types = slices.Clone(l.Types)
		for i, t := range l.Types {
			d, ok := c.definitions[t.Key]
			if !ok {
				errs = append(errs, fmt.Errorf("%s: line %s: no definition of %s", lib.origins["lines"], l.Key, t.Key))
			}
			l.Types[i].Name, listed[t.Key] = d.Name, l.Key
		}
		c.lines = append(c.lines, l)
	}
	for typ, d := range c.definitions {
		if listed[typ] != d.Line {
			errs = append(errs, fmt.Errorf("%s.yaml: the line %s does not list this type; see %s", typ, d.Line, lib.origins["lines"]))
		}
	}
	return errors.Join(errs...)
}

// Lines lists the business lines in the manual's order.
func (c *Catalog) Lines() []Line { return slices.Clone(c.lines) }

// Definition is a type's newest definition.
func (c *Catalog) Definition(typ string) (Definition, bool) {
	d, ok := c.definitions[typ]
	return d, ok
}
