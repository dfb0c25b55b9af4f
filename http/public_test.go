package http

import (
	"encoding/json"
	"slices"
	"testing"

	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
)

func TestWhatIsPublicIsInTheCatalog(t *testing.T) {
	all, err := catalog.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string][]string{}
	for _, line := range all.Lines() {
		for _, typ := range line.Types {
			d, _ := all.Definition(typ.Key)
			for _, m := range d.Modules {
				for _, p := range properties(m.Schema, "zh") {
					there[m.Key] = append(there[m.Key], p.key)
					for _, column := range properties(p.items, "zh") {
						there[m.Key] = append(there[m.Key], column.key)
					}
				}
			}
		}
	}
	for module, fields := range public {
		for _, f := range fields {
			if !slices.Contains(there[module], f) {
				t.Errorf("no definition has the field %s of %s", f, module)
			}
		}
	}
}

func TestWhatSomebodyAddsIsPublicOnlyIfItsSchemaSaysSo(t *testing.T) {
	schema := json.RawMessage(`{"properties":{
		"home":{"type":"string","title":"住址"},
		"stage":{"type":"string","title":"舞台经历","x-public":true},
		"second":{"type":"string","title":"备用电话","format":"cn-mobile","x-public":true},
		"shows":{"type":"array","title":"演出","x-public":true,"items":{"properties":{"title":{"title":"剧目"},"witness":{"title":"证明人身份证","format":"cn-id"}}}}}}`)
	data := json.RawMessage(`{"home":"某街1号","stage":"电话13844310000，22010219010101003x","second":"13844310000","shows":[{"title":"茶馆","witness":"22010219010101003X"}]}`)
	def := catalog.Definition{Modules: []catalog.Module{{Key: "theatre", Schema: schema}}}
	st := declaration.State{Modules: map[string]json.RawMessage{"theatre": data}}
	got := without(printed("戏剧", schema, data, "zh", func(p property) bool { return inPublic("theatre", p) }), secrets(def, st))
	if len(got.Fields) != 1 || got.Fields[0] != (PrintedField{"舞台经历", "电话***，***"}) {
		t.Errorf("fields %v", got.Fields)
	}
	if len(got.Tables) != 1 || !slices.Equal(got.Tables[0].Columns, []string{"剧目"}) || !slices.Equal(got.Tables[0].Rows[0], []string{"茶馆"}) {
		t.Errorf("tables %v", got.Tables)
	}
}
