package world

import (
	"fmt"
	"strings"

	"zhiping/cmd/zhiping/internal/demo"
)

// sample is a body that the schema takes. What a handler looks up before anything else must be there.
func (w *World) sample(r Operation, schema map[string]any) any {
	body := w.instance(schema)
	given := map[string]map[string]any{
		"POST /declarations":                {"noticeId": demo.NoticeID("title.regular")},
		"POST /worklist/approve":            {"ids": []any{demo.NoticeID("no declaration")}},
		"POST /units":                       {"uscc": Hospital},
		"POST /organizations/{id}/officers": {"account": "applicant2"},
	}[r.Name]
	if m, ok := body.(map[string]any); ok {
		for k, v := range given {
			m[k] = v
		}
	}
	return body
}

// instance makes the smallest value that fits a JSON Schema of the published document.
func (w *World) instance(schema map[string]any) any {
	if ref, ok := schema["$ref"].(string); ok {
		named, _ := w.schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
		return w.instance(named)
	}
	if enum, ok := schema["enum"].([]any); ok {
		return enum[0]
	}
	typ, _ := schema["type"].(string)
	if several, ok := schema["type"].([]any); ok {
		typ, _ = several[0].(string)
	}
	switch typ {
	case "string":
		switch schema["format"] {
		case "uuid":
			return "00000000-0000-4000-8000-000000000004"
		case "date-time":
			return "2031-01-01T00:00:00Z"
		}
		return "x"
	case "integer", "number":
		return 2031
	case "boolean":
		return true
	case "array":
		items, _ := schema["items"].(map[string]any)
		least, _ := schema["minItems"].(float64)
		list := []any{}
		for range int(least) {
			list = append(list, w.instance(items))
		}
		return list
	}
	object := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		property, _ := properties[fmt.Sprint(name)].(map[string]any)
		object[fmt.Sprint(name)] = w.instance(property)
	}
	return object
}
