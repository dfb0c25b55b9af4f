package http

import (
	"fmt"
	"strings"

	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/readmodels/views"
)

// filled reads single fields of a declaration as they are printed, whatever modules its type has.
type filled struct {
	def  catalog.Definition
	st   declaration.State
	lang string
}

// value is one field, empty where the type has none or nothing was entered. Named, it comes with its title.
func (f filled) value(module, key string, named bool) string {
	m, ok := f.module(module)
	if !ok {
		return ""
	}
	values := entered(f.st.Modules[module])
	for _, p := range properties(m.Schema, f.lang) {
		if v := shown(values[p.key], p, f.lang); p.key == key && v != "" {
			if named {
				return text.Of("document.named", text.Args{"name": p.title, "value": v}).In(f.lang)
			}
			return v
		}
	}
	return ""
}

func (f filled) module(key string) (catalog.Module, bool) {
	for _, m := range f.def.Modules {
		if m.Key == key {
			return m, true
		}
	}
	return catalog.Module{}, false
}

// lines joins what there is of several fields.
func (f filled) lines(module string, named bool, keys ...string) string {
	var out []string
	for _, k := range keys {
		if v := f.value(module, k, named); v != "" {
			out = append(out, v)
		}
	}
	return strings.Join(out, "\n")
}

// aim is what is declared for; which modules ask for it depends on the type.
func (f filled) aim() string {
	var out []string
	for _, part := range []string{
		f.lines("application", false, "level", "series", "speciality", "title"), f.lines("school_application", false, "stage", "subject", "title"),
		f.lines("post", true, "presentGrade", "appointed", "fullSeniorSince"), f.lines("term", true, "from", "to", "selfRating"),
	} {
		if part != "" {
			out = append(out, part)
		}
	}
	return strings.Join(out, "\n")
}

// schooling is the latest of the schools.
func (f filled) schooling() string {
	m, _ := f.module("education")
	latest, at := "", ""
	for _, p := range properties(m.Schema, f.lang) {
		rows, _ := entered(f.st.Modules["education"])[p.key].([]any)
		for _, row := range rows {
			r, _ := row.(map[string]any)
			var parts []string
			for _, c := range properties(p.items, f.lang) {
				if v := shown(r[c.key], c, f.lang); v != "" && (c.key == "school" || c.key == "education" || c.key == "degree") {
					parts = append(parts, v)
				}
			}
			if to := fmt.Sprint(r["to"]); to >= at {
				latest, at = strings.Join(parts, "\n"), to
			}
		}
	}
	return latest
}

// achievements counts the entries of what a review weighs.
func (f filled) achievements() string {
	var out []string
	for _, key := range []string{"papers", "books", "projects", "awards", "patents"} {
		m, _ := f.module(key)
		n := 0
		for _, v := range entered(f.st.Modules[key]) {
			rows, _ := v.([]any)
			n += len(rows)
		}
		if n > 0 {
			out = append(out, text.Of("document.named", text.Args{"name": m.Name.In(f.lang), "value": n}).In(f.lang))
		}
	}
	return strings.Join(out, "\n")
}

// glance is one person in one row, with nothing by which somebody could be called or impersonated.
func glance(d *views.Form, def catalog.Definition, lang string) PrintedTable {
	f := filled{def, d.State, lang}
	return PrintedTable{
		Columns: strings.Split(text.Of("document.summary_columns", nil).In(lang), "|"),
		Rows: [][]string{{
			"1", d.State.Applicant.Name, f.value("basic", "sex", false), f.value("basic", "birth", false), d.State.Unit.Name, f.value("basic", "post", false),
			f.schooling(), f.lines("current_title", false, "title", "level", "obtained"), def.Name.In(lang), f.aim(), f.achievements(), "",
		}},
	}
}
