package catalog

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/goccy/go-yaml"

	"zhiping/domain/text"
)

//go:embed definitions
var embedded embed.FS

// Line is a business line: one of the manual's five menus.
type Line struct {
	Key   string    `json:"key"`
	Name  text.Text `json:"name"`
	Types []TypeRef `json:"types"`
}

// TypeRef names a declaration type.
type TypeRef struct {
	Key  string    `json:"key"`
	Name text.Text `json:"name"`
}

// Catalog is every declaration type's newest definition. Immutable.
type Catalog struct {
	lines       []Line
	definitions map[string]Definition
}

// library is what definitions are put together from, by key, so that fifteen types do not repeat the same form.
type library struct {
	Lines       []Line                 `json:"lines"`
	SelfCheck   map[string]CheckItem   `json:"selfCheck"`
	Modules     map[string]Module      `json:"modules"`
	Slots       map[string]Slot        `json:"slots"`
	Rules       map[string]Rule        `json:"rules"`
	Recommender map[string]Recommender `json:"recommenders"`
	Stages      map[string]Stage       `json:"stages"`
}

// recipe is a definition as it is written down: keys into the library.
type recipe struct {
	Type        string    `json:"type"`
	Version     int       `json:"version"`
	Line        string    `json:"line"`
	Name        text.Text `json:"name"`
	SelfCheck   []string  `json:"selfCheck"`
	Modules     []string  `json:"modules"`
	Slots       []string  `json:"slots"`
	Rules       []string  `json:"rules"`
	Recommender string    `json:"recommender"`
	Route       []string  `json:"route"`
	ResubmitTo  string    `json:"resubmitTo"`
}

// Load reads the embedded definitions, and over them those of a folder of the same shape: library.yaml, and one
// file a type. A nil folder is none. Every definition is compiled once, so that a fault shows at the start.
func Load(overrides fs.FS) (*Catalog, error) {
	base, err := fs.Sub(embedded, "definitions")
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	lib := library{}
	c := &Catalog{definitions: map[string]Definition{}}
	var errs []error
	for _, dir := range []fs.FS{base, overrides} {
		if dir == nil {
			continue
		}
		if err := readYAML(dir, "library.yaml", &lib); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		names, err := fs.Glob(dir, "*.*.yaml")
		if err != nil {
			return nil, fmt.Errorf("catalog: %w", err)
		}
		for _, name := range names {
			var r recipe
			if err := readYAML(dir, name, &r); err != nil {
				errs = append(errs, err)
				continue
			}
			d, err := lib.assemble(r)
			if err == nil {
				_, err = Compile(d)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
				continue
			}
			c.definitions[d.Type] = d
		}
	}
	for _, l := range lib.Lines {
		for i, t := range l.Types {
			d, ok := c.definitions[t.Key]
			if !ok {
				errs = append(errs, fmt.Errorf("catalog: line %s: no definition of %s", l.Key, t.Key))
			}
			l.Types[i].Name = d.Name
		}
		c.lines = append(c.lines, l)
	}
	return c, errors.Join(errs...)
}

func readYAML(dir fs.FS, name string, into any) error {
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	// By way of JSON, which keeps the order of a schema's properties: it is the order of the form.
	converted, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return fmt.Errorf("catalog: %s: %w", path.Base(name), err)
	}
	if err := json.Unmarshal(converted, into); err != nil {
		return fmt.Errorf("catalog: %s: %w", path.Base(name), err)
	}
	return nil
}

// assemble puts a definition together; every unknown key is a fault.
func (l library) assemble(r recipe) (Definition, error) {
	d := Definition{Type: r.Type, Version: r.Version, Line: r.Line, Name: r.Name, ResubmitTo: r.ResubmitTo}
	var errs []error
	errs = append(errs, pick(l.SelfCheck, r.SelfCheck, "self-check item", func(k string, v CheckItem) { v.Key = k; d.SelfCheck = append(d.SelfCheck, v) }))
	errs = append(errs, pick(l.Modules, r.Modules, "module", func(k string, v Module) { v.Key = cmp.Or(v.Key, k); d.Modules = append(d.Modules, v) }))
	errs = append(errs, pick(l.Slots, r.Slots, "slot", func(k string, v Slot) { v.Key = k; d.Slots = append(d.Slots, v) }))
	errs = append(errs, pick(l.Rules, r.Rules, "rule", func(k string, v Rule) { v.Key = k; d.Rules = append(d.Rules, v) }))
	errs = append(errs, pick(l.Stages, r.Route, "stage", func(k string, v Stage) { v.Key = cmp.Or(v.Key, k); d.Route = append(d.Route, v) }))
	if r.Recommender != "" {
		errs = append(errs, pick(l.Recommender, []string{r.Recommender}, "recommender", func(_ string, v Recommender) { d.Recommender = &v }))
	}
	if r.Type == "" || r.Version < 1 || r.Line == "" {
		errs = append(errs, errors.New("catalog: type, version and line are needed"))
	}
	return d, errors.Join(errs...)
}

func pick[V any](from map[string]V, keys []string, what string, take func(string, V)) error {
	var errs []error
	for _, k := range keys {
		v, ok := from[k]
		if !ok {
			errs = append(errs, fmt.Errorf("catalog: no %s %q in the library", what, k))
			continue
		}
		take(k, v)
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
