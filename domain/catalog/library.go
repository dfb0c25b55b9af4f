package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"zhiping/domain/text"
)

// library is what definitions are put together from, by key, so that fifteen types do not repeat the same form.
type library struct {
	Lines       []Line                 `json:"lines" yaml:"lines"`
	SelfCheck   map[string]CheckItem   `json:"selfCheck" yaml:"selfCheck"`
	Modules     map[string]libModule   `json:"modules" yaml:"modules"`
	Slots       map[string]Slot        `json:"slots" yaml:"slots"`
	Rules       map[string]Rule        `json:"rules" yaml:"rules"`
	Recommender map[string]Recommender `json:"recommenders" yaml:"recommenders"`
	Stages      map[string]Stage       `json:"stages" yaml:"stages"`

	origins map[string]string // file and line of each part, such as modules.basic
}

// libModule is a module as it is written down. Its rules come with it into every type that uses it.
type libModule struct {
	Module `yaml:",inline"`
	Rules  []string `json:"rules" yaml:"rules"`
}

// recipe is a definition as it is written down: keys into the library.
type recipe struct {
	Type        string    `json:"type" yaml:"type"`
	Version     int       `json:"version" yaml:"version"`
	Line        string    `json:"line" yaml:"line"`
	Name        text.Text `json:"name" yaml:"name"`
	SelfCheck   []string  `json:"selfCheck" yaml:"selfCheck"`
	Modules     []string  `json:"modules" yaml:"modules"`
	Slots       []string  `json:"slots" yaml:"slots"`
	Rules       []string  `json:"rules" yaml:"rules"`
	Recommender string    `json:"recommender" yaml:"recommender"`
	Route       []string  `json:"route" yaml:"route"`
	ResubmitTo  string    `json:"resubmitTo" yaml:"resubmitTo"`
	Batched     bool      `json:"batched" yaml:"batched"`

	file string
	at   positions
}

// where is the file and line of a member.
func (r recipe) where(member string) string { return r.at.of(r.file, member) }

// read lays a folder's parts over those that are there, and answers where it has which.
func (l *library) read(dir fs.FS) (positions, error) {
	at, err := readYAML(dir, libraryFile, l)
	if err != nil {
		return nil, err
	}
	for part := range at {
		l.origins[part] = at.of(libraryFile, part)
	}
	return at, nil
}

// clone is the library as it is now, whatever is laid over it later.
func (l *library) clone() library {
	return library{SelfCheck: maps.Clone(l.SelfCheck), Modules: maps.Clone(l.Modules), Slots: maps.Clone(l.Slots), Rules: maps.Clone(l.Rules),
		Recommender: maps.Clone(l.Recommender), Stages: maps.Clone(l.Stages)}
}

// part is what the library has for a section and a key, such as modules.basic.
func (l *library) part(name string) any {
	section, key, _ := strings.Cut(name, ".")
	switch section {
	case "selfCheck":
		return l.SelfCheck[key]
	case "modules":
		return l.Modules[key]
	case "slots":
		return l.Slots[key]
	case "rules":
		return l.Rules[key]
	case "recommenders":
		return l.Recommender[key]
	case "stages":
		return l.Stages[key]
	}
	return nil
}

// rulesOf are the keys of a recipe's rules: those that come with its modules, and its own.
func (l *library) rulesOf(r recipe) []string {
	var keys []string
	for _, m := range r.Modules {
		keys = append(keys, l.Modules[m].Rules...)
	}
	return append(keys, slices.DeleteFunc(slices.Clone(r.Rules), func(k string) bool { return slices.Contains(keys, k) })...)
}

// partsOf names all that a recipe takes from the library.
func (l *library) partsOf(r recipe) (parts []string) {
	for section, keys := range map[string][]string{
		"selfCheck": r.SelfCheck, "modules": r.Modules, "slots": r.Slots, "rules": l.rulesOf(r), "recommenders": {r.Recommender}, "stages": r.Route,
	} {
		for _, k := range keys {
			parts = append(parts, section+"."+k)
		}
	}
	return parts
}

// assemble puts a definition together, and tells where each of its parts is written; every unknown key is a fault.
func (l *library) assemble(r recipe) (d Definition, origins map[string]string, err error) {
	d = Definition{Type: r.Type, Version: r.Version, Line: r.Line, Name: r.Name, ResubmitTo: r.ResubmitTo, Batched: r.Batched}
	origins = map[string]string{}
	var errs []error
	fault := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", r.where(field), fmt.Sprintf(format, args...)))
	}
	from := func(section, key, as string) { origins[section+"."+as] = l.origins[section+"."+key] }
	pick(l.SelfCheck, r.SelfCheck, "selfCheck", fault, func(k string, v CheckItem) { v.Key = k; d.SelfCheck = append(d.SelfCheck, v) })
	pick(l.Modules, r.Modules, "modules", fault, func(k string, v libModule) {
		v.Key = cmp.Or(v.Key, k)
		from("modules", k, v.Key)
		v.Schema = dialected(v.Schema)
		d.Modules = append(d.Modules, v.Module)
	})
	pick(l.Slots, r.Slots, "slots", fault, func(k string, v Slot) { v.Key = k; from("slots", k, k); d.Slots = append(d.Slots, v) })
	pick(l.Rules, l.rulesOf(r), "rules", fault, func(k string, v Rule) { v.Key = k; from("rules", k, k); d.Rules = append(d.Rules, v) })
	pick(l.Stages, r.Route, "stages", fault, func(k string, v Stage) { v.Key = cmp.Or(v.Key, k); d.Route = append(d.Route, v) })
	if r.Recommender != "" {
		pick(l.Recommender, []string{r.Recommender}, "recommenders", fault, func(k string, v Recommender) {
			from("recommenders", k, recommendersModule)
			v.Schema = dialected(v.Schema)
			d.Recommender = &v
		})
	}
	if r.Version < 1 || r.Line == "" || r.Name.ZH == "" || r.Name.EN == "" {
		fault("type", "version, line and name in both languages are needed")
	}
	if !passable(d.Route) {
		fault("route", "a route has stages of the kinds unit, department, bureau and committee, each key once, the unit's being unit, and ends with the committee")
	}
	if !climbs(d.Route) {
		fault("route", "a route's first department is the unit's own, each further one is above the last (above: 1, then 2 and so on), and no stage of another kind has above")
	}
	return d, origins, errors.Join(errs...)
}

// passable tells whether a declaration can get to a committee's final approval along a route, and its unit's approval
// be counted against a quota, which goes by the stage's key.
func passable(route []Stage) bool {
	kinds := []string{StageUnit, StageDepartment, StageBureau, StageCommittee}
	seen := map[string]bool{}
	for _, st := range route {
		if seen[st.Key] || !slices.Contains(kinds, st.Kind) || (st.Kind == StageUnit) != (st.Key == StageUnit) {
			return false
		}
		seen[st.Key] = true
	}
	return len(route) > 0 && route[len(route)-1].Kind == StageCommittee
}

// climbs tells whether a route goes up the line of departments, from the unit's own.
func climbs(route []Stage) bool {
	last := -1
	for _, st := range route {
		if st.Kind != StageDepartment {
			if st.Above != 0 {
				return false
			}
			continue
		}
		if st.Above <= last || last < 0 && st.Above != 0 {
			return false
		}
		last = st.Above
	}
	return true
}

// pick takes the parts that a recipe names. The route's parts are the library's stages.
func pick[V any](from map[string]V, keys []string, section string, fault func(string, string, ...any), take func(string, V)) {
	field := map[string]string{"stages": "route", "recommenders": "recommender"}[section]
	for i, k := range keys {
		v, ok := from[k]
		switch {
		case !ok:
			fault(cmp.Or(field, section), "the library has no %q among its %s", k, section)
		case slices.Contains(keys[:i], k):
			fault(cmp.Or(field, section), "%q is there twice", k)
		default:
			take(k, v)
		}
	}
}
