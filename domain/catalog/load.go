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
// replace those of the same key, and one file a type, named after it. A nil folder is none. What the folder changes is
// compiled once, so that a fault shows at the start, as tests do with the embedded definitions; the error joins all
// faults, each with its file and line.
func Load(overrides fs.FS) (*Catalog, error) {
	base, err := fs.Sub(embedded, "definitions")
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	lib := library{origins: map[string]string{}}
	c := &Catalog{definitions: map[string]Definition{}}
	if _, err := lib.read(base); err != nil {
		return nil, err
	}
	recipes, err := readRecipes(base)
	if err != nil {
		return nil, err
	}
	for _, r := range recipes {
		d, _, err := lib.assemble(r)
		if err != nil {
			return nil, err
		}
		c.definitions[d.Type] = d
	}
	if overrides != nil {
		if err := c.override(overrides, &lib, recipes); err != nil {
			return nil, err
		}
	}
	return c, c.list(lib)
}

// readRecipes reads the types' files of a folder.
func readRecipes(dir fs.FS) ([]recipe, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	var recipes []recipe
	var errs []error
	for _, e := range entries {
		if name := e.Name(); name != libraryFile && !strings.HasPrefix(name, ".") {
			r, err := readRecipe(dir, name)
			recipes, errs = append(recipes, r), append(errs, err)
		}
	}
	return recipes, errors.Join(errs...)
}

func readRecipe(dir fs.FS, name string) (r recipe, err error) {
	typ, isYAML := strings.CutSuffix(name, ".yaml")
	if !isYAML {
		return r, fmt.Errorf("%s: neither %s nor a type's file, which is named <type>.yaml", name, libraryFile)
	}
	if r.at, err = readYAML(dir, name, &r); err != nil {
		return r, err
	}
	if r.file = name; r.Type != typ {
		return r, fmt.Errorf("%s: this file is of the type %q, and named after another", r.where("type"), r.Type)
	}
	return r, nil
}

// same tells whether two definitions, or parts of them, are stored alike.
func same(a, b any) bool {
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
