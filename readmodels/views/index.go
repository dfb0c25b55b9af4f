package views

import (
	"context"

	"github.com/google/uuid"

	"zhiping/readmodels"
)

// Index answers the write side's questions across streams from the history view. Safe for concurrent use.
type Index struct {
	Reader readmodels.Reader
	// Wait returns once the views include everything that the event store held when it was called, so that no
	// declaration that was started before is missed.
	Wait func(context.Context) error
}

// Declarations lists the applicant's declarations.
func (x Index) Declarations(ctx context.Context, applicant string) ([]uuid.UUID, error) {
	return x.declarations(ctx, map[string]any{"applicant": applicant})
}

// declarations lists those that a condition finds, once the views have caught up.
func (x Index) declarations(ctx context.Context, equal map[string]any) ([]uuid.UUID, error) {
	if err := x.Wait(ctx); err != nil {
		return nil, err
	}
	var ids []uuid.UUID
	q := readmodels.Query{Equal: equal, Sort: "created", Limit: readmodels.MaxLimit}
	for {
		page, err := Histories.Find(ctx, x.Reader, q)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			ids = append(ids, item.Doc.ID)
		}
		if page.Next == nil {
			return ids, nil
		}
		q.After = page.Next
	}
}

// Below tells whether open organizations lie directly below one.
func (x Index) Below(ctx context.Context, organization string) (bool, error) {
	if err := x.Wait(ctx); err != nil {
		return false, err
	}
	n, err := Organizations.Count(ctx, x.Reader, map[string]any{"parent": organization, "closed": false}, 1)
	return n > 0, err
}

// Waiting tells whether declarations wait for the organization's decision.
func (x Index) Waiting(ctx context.Context, organization string) (bool, error) {
	if err := x.Wait(ctx); err != nil {
		return false, err
	}
	n, err := Worklists.Count(ctx, x.Reader, map[string]any{"organization": organization}, 1)
	return n > 0, err
}

// PassedOn lists the declarations for a notice that take one of a unit's places.
func (x Index) PassedOn(ctx context.Context, notice uuid.UUID, unit string) ([]uuid.UUID, error) {
	return x.declarations(ctx, map[string]any{"notice": notice.String(), "unit": unit, "passedOn": true})
}
