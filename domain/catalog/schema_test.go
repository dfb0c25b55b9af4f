package catalog_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// writtenBy is a definition of one module, such as an administrator writes.
func writtenBy(t *testing.T, schema string, rules ...catalog.Rule) *catalog.Checker {
	t.Helper()
	c, err := catalog.Compile(catalog.Definition{
		Type: "title.regular", Version: 1000, Line: "title", Rules: rules,
		Modules: []catalog.Module{{Key: "own", Schema: json.RawMessage(schema)}},
		Route:   []catalog.Stage{{Key: "committee", Kind: catalog.StageCommittee}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func submitted(c *catalog.Checker, data string) []string {
	return told(c.Validate(catalog.Form{Modules: map[string]json.RawMessage{"own": json.RawMessage(data)}}))
}

// Whatever a schema asks for: a draft may be saved empty, what is wrong in it is refused, and submission asks for all.
func TestADraftOfAnySchemaMayBeEmpty(t *testing.T) {
	for name, ex := range map[string]struct {
		schema string
		empty  []string // what submission says of {}
		wrong  string   // what no draft may say
	}{
		"anyOf":             {`{"anyOf":[{"required":["a"]},{"required":["b"]}],"properties":{"a":{"type":"string"}}}`, []string{"own/a  required", "own/b  required"}, `{"a":1}`},
		"oneOf":             {`{"oneOf":[{"required":["a"]},{"required":["b"]}],"properties":{"a":{"type":"string"}}}`, []string{"own/a  required", "own/b  required"}, `{"a":1}`},
		"oneOf of values":   {`{"required":["a"],"properties":{"a":{"oneOf":[{"const":"x","title":"甲"},{"const":"y","title":"乙"}]}}}`, []string{"own/a  required"}, `{"a":"z"}`},
		"not":               {`{"not":{"properties":{"a":{"const":""}}},"properties":{"a":{"type":"string"}}}`, []string{"own  does_not_fit"}, `{"a":1}`},
		"dependentRequired": {`{"required":["a"],"dependentRequired":{"a":["b"]},"properties":{"a":{"type":"string"}}}`, []string{"own/a  required"}, `{"a":1}`},
		"dependentSchemas":  {`{"required":["a"],"dependentSchemas":{"a":{"required":["b"]}},"properties":{"a":{"type":"string"}}}`, []string{"own/a  required"}, `{"a":1}`},
		"allOf":             {`{"allOf":[{"required":["a"]},{"properties":{"a":{"type":"string"}}}]}`, []string{"own/a  required"}, `{"a":1}`},
		"a reference":       {`{"$ref":"#/$defs/all","$defs":{"all":{"required":["a"],"properties":{"a":{"type":"string"}}}}}`, []string{"own/a  required"}, `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := writtenBy(t, ex.schema)
			for _, data := range []string{`{}`, `{"a":" "}`} {
				if faults := c.CheckModule("own", json.RawMessage(data)); len(faults) > 0 {
					t.Errorf("a draft of %s: %v", data, told(faults))
				}
			}
			if diff := cmp.Diff(ex.empty, submitted(c, `{}`)); diff != "" {
				t.Errorf("submitted empty (-want +got):\n%s", diff)
			}
			if faults := c.CheckModule("own", json.RawMessage(ex.wrong)); len(faults) == 0 || len(submitted(c, ex.wrong)) == 0 {
				t.Errorf("%s passes", ex.wrong)
			}
		})
	}
	c := writtenBy(t, `{"dependentRequired":{"a":["b"]},"properties":{"a":{"type":"string"}}}`)
	if faults := c.CheckModule("own", json.RawMessage(`{"a":"x"}`)); len(faults) > 0 {
		t.Errorf("a draft that lacks what depends: %v", told(faults))
	}
}

func TestAFormatOfAnotherStandardIsRefusedInWords(t *testing.T) {
	c := writtenBy(t, `{"properties":{"mail":{"type":"string","title":"电子邮箱","x-title-en":"E-mail","format":"email"}}}`)
	faults := c.CheckModule("own", json.RawMessage(`{"mail":"nobody"}`))
	if len(faults) != 1 || faults[0].Code != "pattern" || faults[0].Message.ZH != "“电子邮箱”的格式不正确" || faults[0].Message.EN != "“E-mail” is not of the right form" {
		t.Fatalf("%+v", faults)
	}
}

// People count rows from 1; pointers count them from 0.
func TestAFaultOfARowNamesTheRow(t *testing.T) {
	c, _ := regular(t)
	for data, want := range map[string][2]string{
		`{"entries":[null]}`:                    {"/entries/0", "“第1行”应为一组数据"},
		`{"entries":[{},{"journal":5}]}`:        {"/entries/1/journal", "“第2行刊物名称”应为文字"},
		`{"entries":[{},{},{"0":1}]}`:           {"/entries/2/0", "没有“第3行0”这一项"},
		`{"entries":7}`:                         {"/entries", "“论文”应为列表"},
		`{"entries":[{"published":"2026-13"}]}`: {"/entries/0/published", "“第1行发表时间”应为年月，如 2026-03"},
		`{"0":1}`:                               {"/0", "没有“0”这一项"},
	} {
		faults := c.CheckModule("papers", json.RawMessage(data))
		if len(faults) != 1 || faults[0].Field != want[0] || faults[0].Message.ZH != want[1] {
			t.Errorf("%s: %+v, want %v", data, faults, want)
		}
	}
	rule := catalog.Rule{Key: "closed", Module: "own", Field: "/entries/*/to", Expr: "row.from <= row.to", Message: saying("结束早于开始", "It ends before it begins")}
	c = writtenBy(t, `{"properties":{"entries":{"type":"array","items":{"type":"object"}}}}`, rule)
	form := catalog.Form{Modules: map[string]json.RawMessage{"own": json.RawMessage(`{"entries":[{"from":1,"to":2},{"from":2},{"from":3,"to":2}]}`)}}
	faults := c.Validate(form)
	if len(faults) != 1 || faults[0].Field != "/entries/2/to" || faults[0].Message != saying("第3行：结束早于开始", "Row 3: It ends before it begins") {
		t.Fatalf("%+v", faults)
	}
	if diff := cmp.Diff(map[string]any{"/own/entries/2/from": int64(3), "/own/entries/2/to": int64(2)}, faults[0].Inputs); diff != "" {
		t.Fatal(diff)
	}
}

// What is asked for on a condition says why, and what the condition looked at.
func TestAMissingFileSaysWhyItIsAskedFor(t *testing.T) {
	c, err := catalog.Compile(catalog.Definition{
		Type: "title.regular", Version: 1000, Line: "title",
		Modules: []catalog.Module{{Key: "own", Schema: json.RawMessage(`{}`)}},
		Slots: []catalog.Slot{
			{Key: "proof", Module: "own", Required: true, When: "has(own.entries) && size(own.entries) > 0", Message: saying("填写了论文的，须上传论文材料", "Papers need their proof")},
			{Key: "photo", Module: "own", Required: true, Name: saying("照片", "Photograph")},
		},
		Route: []catalog.Stage{{Key: "committee", Kind: catalog.StageCommittee}},
	})
	if err != nil {
		t.Fatal(err)
	}
	faults := c.Validate(catalog.Form{Modules: map[string]json.RawMessage{"own": json.RawMessage(`{"entries":[1,2]}`)}})
	if len(faults) != 2 || faults[0].Rule != "proof" || faults[0].Message.ZH != "填写了论文的，须上传论文材料" || faults[0].Code != "slot_missing" ||
		faults[1].Rule != "" || faults[1].Inputs != nil || faults[1].Message.ZH != "请上传“照片”" {
		t.Fatalf("%+v", faults)
	}
	if diff := cmp.Diff(map[string]any{"/own/entries": 2}, faults[0].Inputs); diff != "" {
		t.Fatal(diff)
	}
	for data, want := range map[string]bool{`{"entries":[1]}`: true, `{"entries":[]}`: false, `{}`: false} {
		form := catalog.Form{Modules: map[string]json.RawMessage{"own": json.RawMessage(data)}}
		if asked := c.RequiredSlots(form); asked["proof"] != want || !asked["photo"] || asked["nobodyKnows"] {
			t.Errorf("%s: proof is required: %v", data, !want)
		}
	}
}

func TestAnExpertsFileIsRequiredWhileExpertsAre(t *testing.T) {
	c, d := regular(t)
	for _, byExperts := range []bool{false, true} {
		if c.RequiredSlots(catalogtest.Whole(d, byExperts))["recommendation"] != byExperts {
			t.Errorf("by experts %v", byExperts)
		}
	}
	f := catalogtest.Whole(d, true)
	f.Recommenders = nil
	faults := c.Validate(f)
	if len(faults) != 1 || faults[0].Code != "recommender_count" || faults[0].Message != saying("请填写两名推荐专家", "Enter two recommenders") {
		t.Fatalf("%+v", faults)
	}
	want := map[string]any{"/basic/category": "exceptional", "/basic/exceptionalClass": "two_experts", "/recommenders": 0}
	if diff := cmp.Diff(want, faults[0].Inputs); diff != "" {
		t.Fatal(diff)
	}
}
