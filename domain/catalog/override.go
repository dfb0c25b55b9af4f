package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// override lays an administrator's folder over the embedded definitions, whose recipes it is given.
func (c *Catalog) override(dir fs.FS, lib *library, recipes []recipe) error {
	old := lib.clone()
	ours, err := lib.read(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	own, err := readRecipes(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range own {
		errs = append(errs, c.replace(lib, r))
		recipes = slices.DeleteFunc(recipes, func(o recipe) bool { return o.Type == r.Type })
	}
	errs = append(errs, c.reach(old, lib, recipes, ours)...)
	errs = append(errs, unused(lib, append(recipes, own...), ours))
	return errors.Join(distinct(errs)...)
}

// replace takes a folder's definition in place of the embedded one, where it is newer or the same.
func (c *Catalog) replace(lib *library, r recipe) error {
	d, origins, err := lib.assemble(r)
	if err != nil {
		return err
	}
	if err := compiles(d, r, origins); err != nil {
		return err
	}
	old, known := c.definitions[d.Type]
	alike := old
	alike.Version = d.Version
	switch {
	case !known || d.Version > old.Version:
		c.definitions[d.Type] = d
	case same(d, alike): // a copy of ours, perhaps of an earlier release
	case d.Version == old.Version:
		return fmt.Errorf("%s: version %d of %s is another definition already: raise it", r.where("version"), d.Version, d.Type)
	default:
		return fmt.Errorf("%s: version %d of %s is below the program's, %d, and another definition: raise it above that", r.where("version"), d.Version, d.Type, old.Version)
	}
	return nil
}

// reach refuses parts of a folder's library that would change a type which the folder has no definition of: its version
// would stand for two definitions. What is wrong within such parts is told besides.
func (c *Catalog) reach(old library, lib *library, recipes []recipe, ours positions) (errs []error) {
	users := map[string][]string{}
	for _, r := range recipes {
		d, origins, err := lib.assemble(r)
		if err == nil && same(d, c.definitions[r.Type]) {
			continue
		}
		if err == nil {
			errs = append(errs, compiles(d, r, origins))
		}
		for _, part := range lib.partsOf(r) {
			if _, written := ours[part]; written && !same(old.part(part), lib.part(part)) {
				users[part] = append(users[part], fmt.Sprintf("%s (version %d)", r.Type, r.Version))
			}
		}
	}
	for _, part := range slices.Sorted(maps.Keys(users)) {
		section, key, _ := strings.Cut(part, ".")
		errs = append(errs, fmt.Errorf("%s: %s %s: this changes types that have no file here with a higher version: %s",
			ours.of(libraryFile, part), section, key, strings.Join(users[part], ", ")))
	}
	return errs
}

// unused compiles what a folder's library has for no type, which nothing else would look at.
func unused(lib *library, recipes []recipe, ours positions) error {
	free := maps.Clone(ours)
	for _, r := range recipes {
		for _, part := range lib.partsOf(r) {
			delete(free, part)
		}
	}
	// Conditions may name every module there is; of two for the same key, one that is in use is good already.
	modules := map[string]Module{}
	origins := map[string]string{}
	for k, m := range lib.Modules {
		m.Key = cmp.Or(m.Key, k)
		if at, ok := free["modules."+k]; ok || modules[m.Key].Key == "" {
			modules[m.Key], origins["modules."+m.Key] = m.Module, positions{k: at}.of(libraryFile, k)
		}
	}
	d := Definition{Type: libraryFile, Modules: slices.Collect(maps.Values(modules)), Route: []Stage{{}}}
	remaining(free, origins, "slots", lib.Slots, func(k string, s Slot) { s.Key = k; d.Slots = append(d.Slots, s) })
	remaining(free, origins, "rules", lib.Rules, func(k string, r Rule) { r.Key = k; d.Rules = append(d.Rules, r) })
	errs := []error{compiles(d, recipe{file: libraryFile}, origins)}
	d.Slots, d.Rules = nil, nil
	remaining(free, origins, "recommenders", lib.Recommender, func(k string, r Recommender) {
		d.Recommender, origins["recommenders."+recommendersModule] = &r, origins["recommenders."+k]
		errs = append(errs, compiles(d, recipe{file: libraryFile}, origins))
	})
	return errors.Join(errs...)
}

// remaining goes through those of a section's parts that are free, in the order of their keys.
func remaining[V any](free positions, origins map[string]string, section string, parts map[string]V, take func(string, V)) {
	for _, k := range slices.Sorted(maps.Keys(parts)) {
		if _, ok := free[section+"."+k]; ok {
			origins[section+"."+k] = free.of(libraryFile, section+"."+k)
			take(k, parts[k])
		}
	}
}

func compiles(d Definition, r recipe, origins map[string]string) error {
	if _, err := Compile(d); err != nil {
		return located(err, r.where("type"), origins)
	}
	return nil
}

// distinct leaves out what is told already: a part's fault is found in every type that uses it.
func distinct(errs []error) (out []error) {
	said := map[string]bool{}
	for _, err := range errs {
		var several interface{ Unwrap() []error }
		list := []error{err}
		if errors.As(err, &several) {
			list = several.Unwrap()
		}
		for _, e := range list {
			if e != nil && !said[e.Error()] {
				said[e.Error()] = true
				out = append(out, e)
			}
		}
	}
	return out
}
