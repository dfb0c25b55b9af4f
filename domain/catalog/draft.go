package catalog

import "maps"

// completeness are the keywords that ask for what is not there yet, or that an unfinished form may break for that
// reason alone; a draft is checked without them.
var completeness = []string{
	"required", "minItems", "minProperties", "minLength", "dependentRequired", "dependentSchemas", "contains", "minContains", "maxContains",
	"if", "then", "else", "not", "oneOf", "unevaluatedProperties", "unevaluatedItems",
}

// relaxed copies a schema for drafts: without the keywords that ask for more, down to every schema within it. Properties
// may be named like keywords, so the members of `properties` are never dropped.
func relaxed(doc any) any {
	whole, ok := doc.(map[string]any)
	if !ok {
		return doc
	}
	m := maps.Clone(whole)
	for _, k := range completeness {
		delete(m, k)
	}
	for _, k := range []string{"properties", "patternProperties", "$defs", "definitions"} {
		if named, ok := m[k].(map[string]any); ok {
			copied := make(map[string]any, len(named))
			for name, sub := range named {
				copied[name] = relaxed(sub)
			}
			m[k] = copied
		}
	}
	for _, k := range []string{"items", "additionalProperties"} {
		if sub, ok := m[k]; ok {
			m[k] = relaxed(sub)
		}
	}
	for _, k := range []string{"allOf", "anyOf", "prefixItems"} {
		if list, ok := m[k].([]any); ok {
			m[k] = eachRelaxed(list)
		}
	}
	// Alternatives that differ in what they require are alike without it, and then more than one of them fits.
	if list, ok := whole["oneOf"].([]any); ok {
		all, _ := m["allOf"].([]any)
		m["allOf"] = append(all, map[string]any{"anyOf": eachRelaxed(list)})
	}
	return m
}

func eachRelaxed(list []any) []any {
	out := make([]any, 0, len(list))
	for _, sub := range list {
		out = append(out, relaxed(sub))
	}
	return out
}
