package http

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"zhiping/readmodels"
)

// headerParked says of an answer that a document in it, or one that is missing from it, stands still, because an
// event of its could not be projected: it shows what was before that event.
const headerParked = "X-Parked"

// Parked tells whether any of these documents of a view stands still.
type Parked func(ctx context.Context, view readmodels.Spec, ids ...string) (bool, error)

// flagging is a Reader that marks the answer of the request for which it read a document that stands still.
type flagging struct {
	readmodels.Reader
	parked Parked
}

// Get implements readmodels.Reader.
func (f flagging) Get(ctx context.Context, view readmodels.Spec, ids ...string) (map[string]readmodels.Document, error) {
	docs, err := f.Reader.Get(ctx, view, ids...)
	if err != nil {
		return nil, err
	}
	return docs, f.flag(ctx, view, ids)
}

// Find implements readmodels.Reader.
func (f flagging) Find(ctx context.Context, view readmodels.Spec, q readmodels.Query) ([]readmodels.Document, error) {
	docs, err := f.Reader.Find(ctx, view, q)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	return docs, f.flag(ctx, view, ids)
}

func (f flagging) flag(ctx context.Context, view readmodels.Spec, ids []string) error {
	parked, err := f.parked(ctx, view, ids...)
	if rq := requestOf(ctx); parked && rq.fiber != nil {
		rq.fiber.Set(headerParked, "true")
	}
	return err
}

// readHeaders are the headers that every read of views answers with.
func readHeaders() map[string]*huma.Header {
	return map[string]*huma.Header{
		"X-Position": {Description: "How far the read models are: the position of the last event that they include.", Schema: &huma.Schema{Type: huma.TypeString}},
		headerParked: {
			Description: "true when a document that this answer is made from stands still, because one of its events could not be projected: it shows an earlier state. Absent otherwise.",
			Schema:      &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}},
		},
	}
}
