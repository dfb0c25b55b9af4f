package projections

import (
	"context"
	"fmt"
	"time"

	"zhiping/domain"
	"zhiping/readmodels"
)

// Parked says that a document stopped following its events, because one of them could not be folded. The
// document is still what it was before that event.
type Parked struct {
	View     string    `json:"view"`
	Version  int       `json:"version"`
	ID       string    `json:"id"`       // of the document
	Position uint64    `json:"position"` // of the event that failed
	Stream   string    `json:"stream"`
	Revision uint64    `json:"revision"`
	Event    string    `json:"event"` // its id
	Type     string    `json:"type"`
	Error    string    `json:"error"`
	At       time.Time `json:"at"` // of the event
}

// ParkedView lists the parked documents of all views.
func ParkedView() readmodels.View[Parked] {
	return readmodels.View[Parked]{
		Name: "parked", Version: 1,
		Indexes: []readmodels.Index{{Fields: []string{"view", "position"}}, {Fields: []string{"position"}}},
		Fields: func(p *Parked) map[string]any {
			return map[string]any{"view": viewKey(p.View, p.Version), "position": int64(p.Position)} // #nosec G115 -- positions and tokens stay below 2^63
		},
	}
}

func viewKey(name string, version int) string { return fmt.Sprintf("%s@%d", name, version) }

// ParkedID is the id under which ParkedView has a document, if it is parked.
func ParkedID(view readmodels.Spec, id string) string {
	return viewKey(view.Name, view.Version) + "/" + id
}

// IsParked tells whether a document of the view has stopped following its events, and why. Version must be the
// live one.
func IsParked(ctx context.Context, r readmodels.Reader, view readmodels.Spec, id string) (Parked, bool, error) {
	p, _, ok, err := ParkedView().Get(ctx, r, ParkedID(view, id))
	if err != nil || !ok {
		return Parked{}, false, err
	}
	return *p, true, nil
}

// ListParked reads all parked documents of one view, oldest failure first.
func ListParked(ctx context.Context, r readmodels.Reader, view readmodels.Spec) ([]Parked, error) {
	var out []Parked
	q := readmodels.Query{Equal: map[string]any{"view": viewKey(view.Name, view.Version)}, Sort: "position", Limit: 200}
	for {
		page, err := ParkedView().Find(ctx, r, q)
		if err != nil {
			return nil, fmt.Errorf("list parked documents of %s: %w", view.Name, err)
		}
		for _, it := range page.Items {
			out = append(out, *it.Doc)
		}
		if page.Next == nil {
			return out, nil
		}
		q.After = page.Next
	}
}

func park(view readmodels.Spec, id string, e domain.Recorded, cause error) *Parked {
	return &Parked{
		View: view.Name, Version: view.Version, ID: id, Position: e.Position, Stream: e.Stream, Revision: e.Revision,
		Event: e.ID.String(), Type: e.Type, Error: cause.Error(), At: e.At,
	}
}
