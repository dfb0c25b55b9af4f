package http

import (
	"context"

	"zhiping/domain"
)

// ProblemItem is one thing that still blocks submission.
type ProblemItem struct {
	Module      string `json:"module"`
	Field       string `json:"field,omitempty"`
	Slot        string `json:"slot,omitempty"`
	Recommender string `json:"recommender,omitempty"`
	Rule        string `json:"rule,omitempty"`
	Code        string `json:"code"`
	Message     string `json:"message"`
	// Inputs are what the rule looked at, by JSON pointer into the whole form.
	Inputs map[string]any `json:"inputs,omitempty"`
}

// Validation is the 数据校验.
type Validation struct {
	OK       bool          `json:"ok"`
	Problems []ProblemItem `json:"problems"`
	Warnings []ProblemItem `json:"warnings"` // for offices to decide; an approval in spite of one needs an opinion
}

func (s *Server) validation(ctx context.Context, in *ByID) (*struct{ Body Validation }, error) {
	if _, err := s.formDoc(ctx, in.ID); err != nil {
		return nil, err
	}
	rq := requestOf(ctx)
	faults, err := s.Executor.Problems(ctx, rq.envelope(), in.ID)
	if err != nil {
		return nil, err
	}
	warnings, err := s.Executor.Warnings(ctx, rq.envelope(), in.ID)
	if err != nil {
		return nil, err
	}
	v := Validation{OK: len(faults) == 0, Problems: problemItems(faults, rq.lang), Warnings: problemItems(warnings, rq.lang)}
	return &struct{ Body Validation }{v}, nil
}

func problemItems(faults []domain.Fault, lang string) []ProblemItem {
	items := []ProblemItem{}
	for _, f := range faults {
		items = append(items, ProblemItem{f.Module, f.Field, f.Slot, f.Recommender, f.Rule, f.Code, f.Message.In(lang), f.Inputs})
	}
	return items
}
