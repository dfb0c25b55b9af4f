package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"zhiping/domain/text"
)

func TestEachFaultOfARequestIsToldPrecisely(t *testing.T) {
	type bounded struct {
		Code  string   `json:"code" pattern:"^[0-9]+$" maxLength:"4" minLength:"2"`
		Kind  string   `json:"kind" enum:"unit,bureau"`
		Days  int      `json:"days" minimum:"1" maximum:"365"`
		IDs   []string `json:"ids" minItems:"1" maxItems:"2"`
		Known bool     `json:"known"`
		When  string   `json:"when" format:"date-time"`
		Of    string   `json:"of" format:"uuid"`
	}
	registry := huma.NewMapRegistry("#/", huma.DefaultSchemaNamer)
	schema := huma.SchemaFromType(registry, reflect.TypeFor[bounded]())
	valid := func(changes map[string]any) map[string]any {
		m := map[string]any{"code": "12", "kind": "unit", "days": 3.0, "ids": []any{"a"}, "known": true,
			"when": "2026-03-01T08:00:00Z", "of": "5c3a4b06-90e2-4c0d-8b64-d1f5f2a3c111"}
		for k, v := range changes {
			if m[k] = v; v == nil {
				delete(m, k)
			}
		}
		return m
	}
	for name, ex := range map[string]struct {
		change       map[string]any
		code, zh, en string
		location     string
	}{
		"a pattern":             {map[string]any{"code": "ab"}, "want_pattern", "格式不正确", "Not of the right form", "body.code"},
		"too long":              {map[string]any{"code": "12345"}, "too_long", "不得超过4个字", "At most 4 characters", "body.code"},
		"too short":             {map[string]any{"code": "1"}, "too_short", "至少2个字", "At least 2 characters", "body.code"},
		"no text":               {map[string]any{"code": 5.0}, "want_string", "应为文字", "Must be text", "body.code"},
		"no choice":             {map[string]any{"kind": "x"}, "one_of", "只能是：unit, bureau", "Must be one of: unit, bureau", "body.kind"},
		"too small":             {map[string]any{"days": 0.0}, "at_least", "不得小于1", "May not be less than 1", "body.days"},
		"too large":             {map[string]any{"days": 366.0}, "at_most", "不得大于365", "May not be more than 365", "body.days"},
		"no whole number":       {map[string]any{"days": "x"}, "want_integer", "应为整数", "Must be a whole number", "body.days"},
		"no entry":              {map[string]any{"ids": []any{}}, "too_few_items", "至少1项", "At least 1 entries", "body.ids"},
		"an entry too many":     {map[string]any{"ids": []any{"a", "b", "c"}}, "too_many_items", "最多2项", "At most 2 entries", "body.ids"},
		"no list":               {map[string]any{"ids": "a"}, "want_array", "应为列表", "Must be a list", "body.ids"},
		"neither yes nor no":    {map[string]any{"known": "a"}, "want_boolean", "应为是或否", "Must be true or false", "body.known"},
		"no time":               {map[string]any{"when": "today"}, "want_time", "应为时间，如 2026-03-01T08:00:00Z", "Must be a time, such as 2026-03-01T08:00:00Z", "body.when"},
		"no UUID":               {map[string]any{"of": "1"}, "want_uuid", "应为 UUID", "Must be a UUID", "body.of"},
		"a member is missing":   {map[string]any{"kind": nil}, "missing", "必填", "Required", "body.kind"},
		"a member nobody knows": {map[string]any{"salary": 1.0}, "unknown_member", "没有这一项", "There is no such field", "body.salary"},
	} {
		t.Run(name, func(t *testing.T) {
			path, res := huma.NewPathBuffer(nil, 0), &huma.ValidateResult{}
			path.Push("body")
			huma.Validate(registry, schema, path, huma.ModeWriteToServer, valid(ex.change), res)
			if len(res.Errors) != 1 {
				t.Fatalf("%v", res.Errors)
			}
			var d huma.ErrorDetailer
			if !errors.As(res.Errors[0], &d) {
				t.Fatal(res.Errors[0])
			}
			got := inWords(d.ErrorDetail().Location, d.ErrorDetail().Message)
			if want := (text.Text{ZH: ex.zh, EN: ex.en}); got.Code != ex.code || got.Message != want || got.Location != ex.location {
				t.Fatalf("%q became %+v", d.ErrorDetail().Message, got)
			}
		})
	}
}

// An answer does not dwarf its request, however many faults are in that.
func TestARequestOfManyFaultsIsAnsweredInBrief(t *testing.T) {
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"unknown%d":%d`, i, i)
		}
		return `{"account":"a","password":"b"` + b.String() + `}`
	}
	nested := `{"account":` + strings.Repeat("[", 60) + strings.Repeat("1,", maxValues) + "1" + strings.Repeat("]", 60) + `}`
	for name, ex := range map[string]struct {
		body           string
		status, faults int
	}{
		"as many as are told":                     {members(maxFaults), 422, maxFaults},
		"one more":                                {members(maxFaults + 1), 422, maxFaults + 1},
		"thousands":                               {members(9_000), 422, maxFaults + 1},
		"more values than a body may hold":        {members(95_000), 413, 0},
		"as many of them in arrays, far inside":   {nested, 413, 0},
		"as many, and then not JSON":              {members(95_000) + "}", 413, 0},
		"as many members of one that is repeated": {`{"a":[` + strings.Repeat("{},", maxValues) + `{}]}`, 413, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := edge(t, nil)
			status, raw, _ := ask(t, s, "POST", "/api/v1/auth/login", strings.NewReader(ex.body), "Content-Type", "application/json")
			var p Problem
			if err := json.Unmarshal([]byte(raw), &p); err != nil {
				t.Fatal(err)
			}
			if status != ex.status || len(p.Errors) != ex.faults {
				t.Fatalf("%d with %d faults: %.300s", status, len(p.Errors), raw)
			}
			if n := len(p.Errors); n > maxFaults && p.Errors[n-1].Code != "more_faults" {
				t.Errorf("the last one is %+v", p.Errors[n-1])
			}
		})
	}
}
