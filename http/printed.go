package http

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	_ "image/jpeg" // photos
	_ "image/png"
	"slices"
	"strings"
	"time"

	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/readmodels/views"
)

// dated is a day as printed: the whole country keeps one time, eight hours before UTC, whatever the server's clock shows.
func dated(t time.Time) string {
	return t.In(time.FixedZone("UTC+8", 8*60*60)).Format("2006-01-02")
}

// titled is a document's title: by its line, since not everybody who declares is reviewed for a title; the plain one for
// a line that somebody added.
func titled(kind string, def catalog.Definition, lang string) string {
	key := "document." + kind + "." + def.Line
	if !text.Has(key) {
		key = "document." + kind
	}
	return text.Of(key, nil).In(lang)
}

func document(kind string, d *views.Form, def catalog.Definition, lang string) PrintedDocument {
	st := d.State
	return PrintedDocument{
		Title: titled(kind, def, lang),
		Lines: []string{
			st.Notice.Title,
			text.Of("document.about", text.Args{"number": st.Number, "applicant": st.Applicant.Name, "unit": st.Unit.Name, "status": statusText(st.Status, lang)}).In(lang),
		},
		Footer: func(page, pages int) string {
			return text.Of("document.foot", text.Args{"number": st.Number, "page": page, "pages": pages}).In(lang)
		},
	}
}

// pledge is where the applicant signs.
func pledge(d *views.Form, lang string) PrintedOpinion {
	return PrintedOpinion{
		Stage: text.Of("document.pledge", nil).In(lang), Text: text.Of("commitment", nil).In(lang),
		Signed: []string{text.Of("document.applicant_signs", text.Args{"date": dated(d.SubmittedAt)}).In(lang)},
	}
}

// opinions has each stage of the route, as it was decided last; a stage that has not decided has room to write.
func opinions(t *views.Timeline, lang string) []PrintedOpinion {
	var out []PrintedOpinion
	for _, stage := range t.State.Route {
		o := PrintedOpinion{Stage: stage.Name.In(lang), Signed: []string{text.Of("document.seal", text.Args{"organization": stage.Organization.Name}).In(lang)}}
		officer, date := "", ""
		for _, n := range t.Nodes {
			if n.Stage != stage.Key {
				continue
			}
			o.Text, officer, date = "", "", "" // a new round asks the stage anew
			if n.At.IsZero() || n.State == views.NodeCurrent || n.State == views.NodePending {
				continue
			}
			o.Text = strings.TrimSpace(text.Of("document.decided_"+string(n.State), nil).In(lang) + "\n" + n.Opinion)
			date = dated(n.At)
			if n.Actor != nil {
				officer = n.Actor.Name
			}
		}
		o.Signed = append(o.Signed, text.Of("document.officer_signs", text.Args{"officer": officer, "date": date}).In(lang))
		out = append(out, o)
	}
	return out
}

// photo is the applicant's picture: the file in the first slot that asks for pixels. Nil where there is none.
func (s *Server) photo(ctx context.Context, st declaration.State, def catalog.Definition) (image.Image, error) {
	slot := slices.IndexFunc(def.Slots, func(sl catalog.Slot) bool { return len(sl.Pixels) > 0 })
	file := slices.IndexFunc(st.Files, func(f declaration.File) bool { return slot >= 0 && f.Slot == def.Slots[slot].Key })
	if file < 0 {
		return nil, nil
	}
	content, err := s.Blobs.Reader(ctx, st.Files[file].SHA256, 0, -1)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	picture, _, err := image.Decode(content) // its size was bounded when it was taken
	if err != nil {
		return nil, fmt.Errorf("decode the photo: %w", err)
	}
	return picture, nil
}

// property is one field of a schema, in the order of the form.
type property struct {
	key, title string
	format     string
	labels     map[string]string
	items      json.RawMessage
	public     bool // the definition itself opens it to the public
	denies     bool // a box that says of something that there is none, such as 无现任职称
}

// properties reads a schema's fields in their order, which a map would lose.
func properties(schema json.RawMessage, lang string) []property {
	var s struct{ Properties json.RawMessage }
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(s.Properties))
	if _, err := dec.Token(); err != nil {
		return nil
	}
	var out []property
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return out
		}
		var p struct {
			Type    any               `json:"type"`
			Title   string            `json:"title"`
			TitleEN string            `json:"x-title-en"`
			Format  string            `json:"format"`
			Labels  map[string]string `json:"x-labels"` // of definitions before version 3
			OneOf   []struct {
				Const   any    `json:"const"`
				Title   string `json:"title"`
				TitleEN string `json:"x-title-en"`
			} `json:"oneOf"`
			Public bool            `json:"x-public"`
			Items  json.RawMessage `json:"items"`
		}
		if dec.Decode(&p) != nil {
			return out
		}
		for _, choice := range p.OneOf {
			if value, ok := choice.Const.(string); ok && choice.Title != "" {
				if p.Labels == nil {
					p.Labels = map[string]string{}
				}
				p.Labels[value] = text.Text{ZH: choice.Title, EN: choice.TitleEN}.In(lang)
			}
		}
		name, _ := key.(string)
		out = append(out, property{name, text.Text{ZH: p.Title, EN: p.TitleEN}.In(lang), p.Format, p.Labels, p.Items, p.Public,
			p.Type == "boolean" && strings.HasPrefix(p.Title, "无")})
	}
	return out
}

func everything(property) bool { return true }

// printed shows what was entered in a module; shows is asked for each field, and for each column of a table.
func printed(title string, schema, data json.RawMessage, lang string, shows func(property) bool) PrintedSection {
	section := PrintedSection{Title: title}
	values := entered(data)
	for _, p := range properties(schema, lang) {
		if p.items == nil {
			if shows(p) && (!p.denies || values[p.key] == true) { // not ticked, it would read as a double negative
				section.Fields = append(section.Fields, PrintedField{p.title, shown(values[p.key], p, lang)})
			}
			continue
		}
		rows, list := values[p.key].([]any)
		if table := listed(p, rows, lang, shows); list && len(table.Columns) > 0 {
			if table.Title == title {
				table.Title = "" // the section's heading says it
			}
			section.Tables = append(section.Tables, table)
		}
	}
	return section
}

// entered are a module's values, numbers as they were written; a module that was never saved has none.
func entered(data json.RawMessage) map[string]any {
	values := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	_ = dec.Decode(&values)
	return values
}

func listed(p property, rows []any, lang string, shows func(property) bool) PrintedTable {
	table := PrintedTable{Title: p.title}
	columns := slices.DeleteFunc(properties(p.items, lang), func(c property) bool {
		c.public = c.public || p.public
		return !shows(c)
	})
	for _, c := range columns {
		table.Columns = append(table.Columns, c.title)
	}
	for _, row := range rows {
		m, _ := row.(map[string]any)
		var cells []string
		for _, c := range columns {
			cells = append(cells, shown(m[c.key], c, lang))
		}
		table.Rows = append(table.Rows, cells)
	}
	return table
}

func shown(v any, p property, lang string) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return text.Of("answer.yes", nil).In(lang)
		}
		return text.Of("answer.no", nil).In(lang)
	case string:
		if label := p.labels[v]; label != "" {
			return label
		}
		return v
	}
	return fmt.Sprint(v)
}
