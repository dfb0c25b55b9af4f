package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/text"
	"zhiping/readmodels/views"
)

// window is what a declaration's notice says about time.
type window struct {
	notice *notice.State // nil where the view does not have it yet
}

func (s *Server) window(ctx context.Context, id uuid.UUID) (window, error) {
	n, _, ok, err := views.Notices.Get(ctx, s.Reader, id.String())
	if err != nil || !ok || n.State.Status == notice.StatusDraft {
		return window{}, err
	}
	return window{&n.State}, nil
}

// cutOff is the notice's qualification cut-off date.
func (w window) cutOff() time.Time {
	if w.notice == nil {
		return time.Time{}
	}
	return w.notice.Content.CutOffDate()
}

// remaining is how long a declaration can still be edited and submitted.
type remaining struct {
	lapsed bool
	until  *time.Time // nil where nothing can be edited, or without a limit
	again  bool       // what is taken back now can be submitted again
}

func (w window) left(st declaration.Status, correction, now time.Time) remaining {
	open := w.notice == nil || w.notice.Open(now)
	if declaration.Lapsed(st, correction, open, now) {
		return remaining{lapsed: true}
	}
	switch st {
	case declaration.StatusDraft, declaration.StatusWithdrawn:
		if w.notice == nil {
			return remaining{}
		}
		return remaining{until: stamp(w.notice.Content.ClosesAt)}
	case declaration.StatusReturned:
		return remaining{until: stamp(correction)}
	}
	return remaining{again: open}
}

// statusText is the manual's label; one that was never submitted in time has a label of its own.
func (r remaining) statusText(st declaration.Status, lang string) string {
	if r.lapsed && st != declaration.StatusReturned {
		return text.Of("status.lapsed", nil).In(lang)
	}
	return statusText(st, lang)
}

// actions are what the applicant can do next with a declaration. Withdrawing is not offered once the notice is closed: the
// declaration would be lost for good, and the unit can return it instead.
func (r remaining) actions(st declaration.Status, decided bool) []string {
	switch {
	case st == declaration.StatusDraft && r.lapsed:
		return []string{"view"}
	case st == declaration.StatusDraft, st == declaration.StatusWithdrawn && !r.lapsed:
		return []string{"view", "edit", "submit"}
	case st == declaration.StatusReturned && !r.lapsed:
		return []string{"view", "edit", "submit", "track"}
	case st == declaration.StatusSubmitted && !decided && r.again:
		return []string{"view", "track", "withdraw"}
	}
	return []string{"view", "track"}
}

func statusText(st declaration.Status, lang string) string {
	return text.Of("status."+string(st), nil).In(lang)
}
