package http

import (
	"context"
	"errors"
	"strings"
	"testing"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// long is a view of so many documents, of which every second is approved.
type long struct {
	readmodels.Reader
	documents int64
}

func (l long) Find(_ context.Context, _ readmodels.Spec, q readmodels.Query) (out []readmodels.Document, err error) {
	next := int64(0)
	if q.After != nil {
		next, _ = q.After.Value.(int64)
		next++
	}
	for ; next < l.documents && len(out) < q.Limit; next++ {
		d := &views.History{Created: next, Progress: declaration.Progress{Status: declaration.StatusSubmitted}}
		if next%2 == 0 {
			d.Status = declaration.StatusApproved
		}
		out = append(out, readmodels.Document{Doc: d, Sort: next})
	}
	return out, nil
}

func TestALongListIsRefusedAndNotCut(t *testing.T) {
	approved := Overseen{Status: "approved"}
	for _, ex := range []struct {
		documents int64
		keep      func(*views.History) bool
		want      int
	}{{0, Overseen{}.keeps, 0}, {exported, Overseen{}.keeps, exported}, {exported + 1, Overseen{}.keeps, -1}, {2 * exported, approved.keeps, exported}, {2*exported + 1, approved.keeps, -1}} {
		got, err := gather(t.Context(), long{documents: ex.documents}, views.Histories, readmodels.Query{Sort: "created"}, exported, "notice, type, status", ex.keep)
		if ex.want >= 0 && (err != nil || len(got) != ex.want) {
			t.Errorf("%d documents: %d rows, %v", ex.documents, len(got), err)
		}
		if ex.want >= 0 {
			continue
		}
		var refused *domain.Error
		if !errors.As(err, &refused) || got != nil || !strings.Contains(refused.Text().ZH, "10000条") || !strings.Contains(refused.Text().ZH, "notice, type, status") {
			t.Errorf("%d documents: %d rows, %v", ex.documents, len(got), err)
		}
	}
}

func TestABoxThatDeniesIsPrintedOnlyWhereItIsTicked(t *testing.T) {
	schema := []byte(`{"properties":{"none":{"type":"boolean","title":"无现任职称"},"post":{"type":"boolean","title":"是否在编"}}}`)
	for data, want := range map[string]string{
		`{"none":false,"post":false}`: "是否在编 否", `{"none":true}`: "无现任职称 是,是否在编 ", `{}`: "是否在编 ",
	} {
		var got []string
		for _, f := range printed("", schema, []byte(data), "zh", everything).Fields {
			got = append(got, f.Label+" "+f.Value)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s is printed as %q, want %q", data, got, want)
		}
	}
}
