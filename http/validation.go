package http

import "context"

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
	v := Validation{OK: len(faults) == 0, Problems: []ProblemItem{}}
	for _, f := range faults {
		v.Problems = append(v.Problems, ProblemItem{f.Module, f.Field, f.Slot, f.Recommender, f.Rule, f.Code, f.Message.In(rq.lang), f.Inputs})
	}
	return &struct{ Body Validation }{v}, nil
}
