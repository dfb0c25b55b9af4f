package http

import (
	"context"

	"github.com/google/uuid"

	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/text"
	"zhiping/readmodels/views"
)

// StatusCount is how many declarations have a status now.
type StatusCount struct {
	Status     declaration.Status `json:"status"`
	StatusText string             `json:"statusText"`
	Count      int                `json:"count"`
}

// StageStats are the figures of one stage of the review. Median and p90 are of the stays that a decision ended, by
// nearest rank, and absent without one; a stay that the applicant ended by withdrawing counts nowhere.
type StageStats struct {
	Stage         string   `json:"stage"`
	Name          string   `json:"name"`
	Count         int      `json:"count" doc:"declarations that wait at this stage now"`
	Decided       int      `json:"decided" doc:"stays that a decision ended"`
	MedianSeconds *float64 `json:"medianSeconds,omitempty" doc:"median time from entering the stage to its decision, in seconds, at most 1/32 off"`
	P90Seconds    *float64 `json:"p90Seconds,omitempty" doc:"the time that nine in ten decisions took at most, in seconds, at most 1/32 off"`
}

// ModuleStats is how often a module was marked in a return.
type ModuleStats struct {
	Module  string `json:"module"`
	Name    string `json:"name"`
	Returns int    `json:"returns"`
}

// Stats are the figures of one notice, over all its declarations.
type Stats struct {
	NoticeID uuid.UUID     `json:"noticeId"`
	Title    string        `json:"title"`
	Type     string        `json:"type"`
	Total    int           `json:"total"`
	Statuses []StatusCount `json:"statuses"`
	Stages   []StageStats  `json:"stages"`
	Modules  []ModuleStats `json:"modules"`
}

// standings are all there are, in the order of the contract.
var standings = [...]declaration.Status{declaration.StatusDraft, declaration.StatusSubmitted, declaration.StatusReturned,
	declaration.StatusApproved, declaration.StatusTerminated, declaration.StatusWithdrawn}

func (s *Server) statsRoutes() {
	handle(s, route{"GET", "/stats/notices/{id}", "Declarations by status and stage, time in each stage, returns by module", "viewStats", 200}, s.noticeStats)
}

func (s *Server) noticeStats(ctx context.Context, in *ByID) (*read[Stats], error) {
	rq := requestOf(ctx)
	n, err := one(ctx, s, views.Notices, in.ID.String(), notice.ErrNotFound)
	if err != nil {
		return nil, err
	}
	if n.State.Status == notice.StatusDraft && !seesDraft(rq.actor, n.State) {
		return nil, notice.ErrNotFound
	}
	figures, position, err := views.ReadNoticeStats(ctx, s.Reader, in.ID)
	if err != nil {
		return nil, err
	}
	shown := s.noticeOf(rq, n.ID, n.State, n.Revision)
	return found(ctx, statsOf(rq.lang, shown, figures), position, formatPosition(n.Revision)), nil
}

// statsOf lists every status, stage and module of the notice, in the order of the contract and of the form, whether
// or not there is anything to count.
func statsOf(lang string, n Notice, d views.NoticeStats) Stats {
	out := Stats{NoticeID: n.ID, Title: n.Title, Type: n.Type, Statuses: []StatusCount{}, Stages: []StageStats{}, Modules: []ModuleStats{}}
	for _, st := range standings {
		out.Statuses = append(out.Statuses, StatusCount{st, statusText(st, lang), d.Statuses[st]})
		out.Total += d.Statuses[st]
	}
	for _, st := range n.Route {
		at := d.Stages[st.Stage]
		out.Stages = append(out.Stages, StageStats{st.Stage, st.Name, at.Waiting, at.Durations.Count(), quantile(at.Durations, 50), quantile(at.Durations, 90)})
	}
	for _, m := range n.Modules {
		out.Modules = append(out.Modules, ModuleStats{m.Key, m.Name, d.Returns[m.Key]})
	}
	if n.Recommenders != nil {
		key := declaration.ModuleRecommenders
		out.Modules = append(out.Modules, ModuleStats{key, text.Of("module."+key, nil).In(lang), d.Returns[key]})
	}
	return out
}

func quantile(d views.Durations, percent int) *float64 {
	stay, ok := d.Quantile(percent)
	if !ok {
		return nil
	}
	seconds := stay.Seconds()
	return &seconds
}
