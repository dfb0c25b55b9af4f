package http

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// The contract's refusals are the problem document as it is answered, and its operations say who may call them.
func TestTheContractTellsProblemsHeadersAndSecurity(t *testing.T) {
	s, _ := edge(t, func(*Config) {})
	raw, err := json.Marshal(s.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Security   *[]map[string][]string
			Tags       []string
			Parameters []struct{ Name, In string }
			Responses  map[string]struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "ErrorModel") {
		t.Error("the contract still tells the library's own error model")
	}
	codes := doc.Components.Schemas["Problem"].Properties["code"].Enum
	for _, code := range []string{"not_signed_in", "too_many_requests", "stale_revision", "invalid"} {
		if !slices.Contains(codes, code) {
			t.Errorf("the code %s is not among the %d that a problem may have", code, len(codes))
		}
	}
	open := 0
	for path, item := range doc.Paths {
		for method, op := range item {
			where := strings.ToUpper(method) + " " + path
			if op.Security == nil || len(op.Tags) != 1 {
				t.Errorf("%s does not say who may call it, or under which tag it stands", where)
				continue
			}
			if len(*op.Security) == 0 {
				open++
			}
			names := map[string]bool{}
			for _, p := range op.Parameters {
				if names[p.In+" "+strings.ToLower(p.Name)] {
					t.Errorf("%s has two parameters %s", where, p.Name)
				}
				names[p.In+" "+strings.ToLower(p.Name)] = true
			}
			if needed := map[bool]string{true: "header x-after-position", false: "header idempotency-key"}[method == "get"]; !names[needed] {
				t.Errorf("%s lacks the %s", where, needed)
			}
			for status, r := range op.Responses {
				if c, ok := r.Content["application/problem+json"]; ok && c.Schema.Ref != "#/components/schemas/Problem" {
					t.Errorf("%s answers %s as %q", where, status, c.Schema.Ref)
				}
			}
			if _, limited := op.Responses["429"]; !limited {
				t.Errorf("%s does not tell 429", where)
			}
		}
	}
	if open == 0 || len(doc.Paths) < 20 {
		t.Fatalf("%d open operations, %d paths: the contract is not whole", open, len(doc.Paths))
	}
}
