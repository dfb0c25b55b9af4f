package http

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"zhiping/domain/declaration"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// HistoryItem is a row of the applicant's 申报历史信息列表. Actions are what the applicant can do next.
type HistoryItem struct {
	ID          uuid.UUID          `json:"id"`
	Number      string             `json:"number"`
	NoticeID    uuid.UUID          `json:"noticeId"`
	NoticeTitle string             `json:"noticeTitle"`
	Type        string             `json:"type"`
	UnitName    string             `json:"unitName"`
	Status      declaration.Status `json:"status"`
	StatusText  string             `json:"statusText"`
	Lapsed      bool               `json:"lapsed"` // the time to submit it is over
	Until       *time.Time         `json:"editableUntil,omitempty"`
	Stage       string             `json:"stage,omitempty"`
	SubmittedAt *time.Time         `json:"submittedAt,omitempty"`
	UpdatedAt   time.Time          `json:"updatedAt"`
	Actions     []string           `json:"actions"`
}

func (s *Server) history(ctx context.Context, in *struct {
	Paging
	Status string `query:"status" enum:"draft,submitted,returned,approved,terminated,withdrawn"`
	Type   string `query:"type" maxLength:"64"`
}) (*struct{ Body list[HistoryItem] }, error) {
	rq := requestOf(ctx)
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	windows := map[uuid.UUID]window{}
	windowOf := func(d *views.History) window {
		w, ok := windows[d.Notice.ID]
		if !ok && err == nil {
			w, err = s.window(ctx, d.Notice.ID)
			windows[d.Notice.ID] = w
		}
		return w
	}
	q := readmodels.Query{Equal: map[string]any{"applicant": rq.actor.ID}, Sort: "created", Desc: true, After: key, Limit: in.Limit}
	out, failed := scan(ctx, s, views.Histories, q, func(d *views.History) HistoryItem {
		left := windowOf(d).left(d.Status, d.Deadline, s.Clock())
		return HistoryItem{
			ID: d.ID, Number: d.Number, NoticeID: d.Notice.ID, NoticeTitle: d.Notice.Title, Type: d.Notice.Type, UnitName: d.Unit.Name,
			Status: d.Status, StatusText: left.statusText(d.Status, rq.lang), Lapsed: left.lapsed, Until: left.until, Stage: d.Stage,
			SubmittedAt: stamp(d.SubmittedAt), UpdatedAt: d.UpdatedAt.UTC(), Actions: left.actions(d.Status, d.Decided),
		}
	}, func(d *views.History) bool {
		return (in.Status == "" || d.Status == declaration.Status(in.Status)) && (in.Type == "" || d.Notice.Type == in.Type)
	})
	return &struct{ Body list[HistoryItem] }{out}, errors.Join(failed, err)
}
