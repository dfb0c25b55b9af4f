package catalogtest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Case is one way to break one constraint of a schema. Code is the fault's, Field the JSON pointer where it must be
// reported. AtOnce faults are refused when a draft is saved; the others only keep the form from being submitted.
type Case struct {
	Name   string
	Module string
	Field  string
	Code   string
	AtOnce bool

	touches string // the place that the fault changes, as a JSON pointer ending in a slash
	group   string // cases of different groups do not fit into one form
	change  func(whole map[string]any)
}

// breaker collects one module's cases.
type breaker struct {
	module string
	cases  []Case
}

// breaks breaks every constraint of a schema once.
func breaks(module string, schema json.RawMessage) []Case {
	b := &breaker{module: module}
	b.object(parse(schema), nil)
	return b.cases
}

// add has change applied to the object at path.
func (b *breaker) add(path []string, field, code string, atOnce bool, change func(map[string]any)) {
	pointer := "/" + strings.Join(append(slices.Clone(path), field), "/")
	c := Case{Name: b.module + " " + pointer + ": " + code, Module: b.module, Field: pointer, Code: code, AtOnce: atOnce,
		touches: pointer + "/",
		change: func(whole map[string]any) {
			at := any(whole)
			for _, p := range path {
				if p == "0" {
					at = at.([]any)[0]
					continue
				}
				at = at.(map[string]any)[p]
			}
			change(at.(map[string]any))
		}}
	b.cases = append(b.cases, c)
}

func (b *breaker) object(n node, path []string) {
	if n["additionalProperties"] == false {
		b.add(path, "nobodyKnows", "unknown_field", true, func(o map[string]any) { o["nobodyKnows"] = "x" })
	}
	required, _ := n["required"].([]any)
	for _, r := range required {
		name, _ := r.(string)
		b.add(path, name, "required", false, func(o map[string]any) { delete(o, name) })
	}
	b.conditional(n, path)
	props := n.properties()
	for _, name := range slices.Sorted(maps.Keys(props)) {
		b.property(name, props[name], path)
	}
}

// conditional leaves out what `then` requires, with the condition of `if` fulfilled.
func (b *breaker) conditional(n node, path []string) {
	condition, _ := n["if"].(map[string]any)
	then, _ := n["then"].(map[string]any)
	required, _ := then["required"].([]any)
	for _, r := range required {
		name, _ := r.(string)
		b.add(path, name, "required", false, func(o map[string]any) { fulfil(condition, o); delete(o, name) })
		b.cases[len(b.cases)-1].group = "conditional"
	}
}

// fulfil makes an object match the conditions that the definitions use: constants of fields, and their negation.
func fulfil(condition node, o map[string]any) {
	if not, ok := condition["not"].(map[string]any); ok {
		for name := range node(not).properties() {
			delete(o, name)
		}
		return
	}
	for name, sub := range condition.properties() {
		o[name] = sub["const"]
	}
}

func (b *breaker) property(name string, n node, path []string) {
	set := func(code string, atOnce bool, v any) {
		b.add(path, name, code, atOnce, func(o map[string]any) { o[name] = v })
	}
	if _, ok := n["enum"]; ok {
		set("choice", true, "nobody-chose-this")
		return
	}
	switch n.text("type") {
	case "object":
		set("type", true, "text")
		b.object(n, append(slices.Clone(path), name))
	case "array":
		set("type", true, "text")
		if least, ok := n.number("minItems"); ok && least > 0 {
			set("min_items", false, []any{})
		}
		if most, ok := n.number("maxItems"); ok {
			set("max_items", true, slices.Repeat([]any{value(name, n.items(), 0)}, most+1))
		}
		if n.items().text("type") == "object" {
			b.object(n.items(), append(slices.Clone(path), name, "0"))
		}
	case "integer", "number":
		set("type", true, "many")
		if least, ok := n.number("minimum"); ok {
			set("minimum", true, least-1)
		}
		if most, ok := n.number("maximum"); ok {
			set("maximum", true, most+1)
		}
	case "boolean":
		set("type", true, "yes")
	case "string":
		b.str(n, set)
	}
}

func (b *breaker) str(n node, set func(string, bool, any)) {
	set("type", true, 7)
	if most, ok := n.number("maxLength"); ok && n.text("pattern") == "" && n.text("format") == "" {
		set("max_length", true, strings.Repeat("长", most+1))
	}
	if least, ok := n.number("minLength"); ok && least > 1 && n.text("pattern") == "" && n.text("format") == "" {
		set("min_length", false, "短")
	}
	if f := n.text("format"); f != "" {
		set("format_"+strings.ReplaceAll(f, "-", "_"), true, "？")
	}
	if p := n.text("pattern"); p != "" && n.text("format") == "" && !regexp.MustCompile(p).MatchString("？") {
		set("pattern", true, "？")
	}
}
