package declaration

import (
	"errors"
	"slices"
	"time"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/catalog"
	"zhiping/domain/notice"
	"zhiping/domain/text"
)

func submit(s State, f Facts, c Submit) ([]Event, error) {
	switch s.Status {
	case StatusDraft, StatusWithdrawn:
		if lapsed(s, f) {
			return nil, notice.ErrClosed
		}
	case StatusReturned:
		if lapsed(s, f) {
			return nil, ErrCorrectionOverdue
		}
	default:
		return nil, ErrNotEditable
	}
	switch {
	case f.Pending:
		return nil, binding.ErrPending
	case f.Unit.ID == "":
		return nil, binding.ErrNotBound
	case !c.Commitment:
		return nil, ErrCommitment
	}
	if faults := Problems(s, f); len(faults) > 0 {
		return nil, domain.ErrInvalid.WithFaults(faults...)
	}
	route := Route(f)
	return []Event{Submitted{
		Round:      s.Round + 1,
		Unit:       f.Unit,
		Department: f.Department,
		Route:      route,
		Stage:      entry(s, f, route),
		Commitment: text.Of("commitment", nil),
	}}, nil
}

// Problems lists what blocks a submission, or would block it now. What waits for submission is judged with the unit
// that the applicant is bound to now, which will recommend it.
func Problems(s State, f Facts) []domain.Fault {
	form := Form(s, f)
	if s.Status != StatusSubmitted && s.Status != StatusApproved && s.Status != StatusTerminated && f.Unit.ID != "" {
		form.Unit, form.UnitID = text.Same(f.Unit.Name), f.Unit.ID
	}
	return f.Checker.Validate(form)
}

// Warnings lists what the data check leaves to offices. Whoever passes the declaration on all the same says why.
func Warnings(s State, f Facts) []domain.Fault { return f.Checker.Warnings(Form(s, f)) }

// Route joins the definition's stages with the organizations that hold them now. A stage of a department that the unit
// does not have above it is left out.
func Route(f Facts) []Stage {
	holders := map[string]domain.Organization{
		catalog.StageUnit:       f.Unit,
		catalog.StageDepartment: f.Department,
		catalog.StageBureau:     f.Notice.Bureau,
		catalog.StageCommittee:  f.Notice.Committee,
	}
	var route []Stage
	for _, st := range f.Checker.Definition().Route {
		holder := holders[st.Kind]
		switch {
		case st.Above > len(f.Above):
			continue
		case st.Above > 0:
			holder = f.Above[st.Above-1]
		}
		route = append(route, Stage{Key: st.Key, Kind: st.Kind, Name: st.Name, Organization: holder})
	}
	return route
}

// entry is where a submission enters: the first stage, since the unit vouches for changed material, or the
// stage that returned it where the notice says so; a new unit must always see it first (domain.md 4, decision 4), and
// so must whoever else is new on the way up to that stage.
func entry(s State, f Facts, route []Stage) string {
	resubmit := f.Notice.ResubmitTo
	if resubmit == "" {
		resubmit = f.Checker.Definition().ResubmitTo
	}
	if resubmit == "returning" && s.Correction != nil && s.Unit.ID == f.Unit.ID && sameUpTo(s.Correction.Stage, s.Route, route) {
		return s.Correction.Stage
	}
	return route[0].Key
}

// sameUpTo tells whether two routes have a stage, and the same stages of the same organizations up to it.
func sameUpTo(stage string, before, now []Stage) bool {
	for i := 0; i < len(before) && i < len(now); i++ {
		if before[i].Key != now[i].Key || before[i].Organization.ID != now[i].Organization.ID {
			return false
		}
		if now[i].Key == stage {
			return true
		}
	}
	return false
}

func withdraw(s State, f Facts) ([]Event, error) {
	switch {
	case s.Decided:
		return nil, ErrAlreadyDecided
	case s.Status != StatusSubmitted:
		return nil, ErrNotSubmitted
	}
	if err := bounded(f); err != nil {
		return nil, err
	}
	return []Event{Withdrawn{Stage: s.Stage}}, nil
}

// deciding is the guard of every decision: it must wait at a stage that the officer's organization holds, and at
// the one that the officer saw.
func deciding(s State, f Facts, seen string) (Stage, int, error) {
	stage, i, ok := s.Current()
	if !ok || f.Organization.ID == "" || stage.Organization.ID != f.Organization.ID || seen != "" && seen != stage.Key {
		return Stage{}, 0, ErrWrongStage
	}
	return stage, i, nil
}

func approveStage(s State, f Facts, c ApproveStage) ([]Event, error) {
	stage, i, err := deciding(s, f, c.Stage)
	if err != nil {
		return nil, err
	}
	if i == len(s.Route)-1 {
		return nil, ErrWrongStage
	}
	opinion, err := domain.Opinion(c.Opinion, len(Warnings(s, f)) > 0)
	if err != nil {
		return nil, err
	}
	return []Event{StageApproved{Stage: stage.Key, Organization: stage.Organization, Opinion: opinion,
		Next: s.Route[i+1].Key}}, nil
}

func approveFinal(s State, f Facts, c ApproveFinal) ([]Event, error) {
	stage, i, err := deciding(s, f, c.Stage)
	if err != nil {
		return nil, err
	}
	if i != len(s.Route)-1 {
		return nil, ErrWrongStage
	}
	opinion, err := domain.Opinion(c.Opinion, len(Warnings(s, f)) > 0)
	if err != nil {
		return nil, err
	}
	return []Event{Approved{Stage: stage.Key, Organization: stage.Organization, Opinion: opinion}}, nil
}

func terminate(s State, f Facts, c Terminate) ([]Event, error) {
	stage, _, err := deciding(s, f, c.Stage)
	if err != nil {
		return nil, err
	}
	opinion, err := domain.Opinion(c.Opinion, true)
	if err != nil {
		return nil, err
	}
	return []Event{Terminated{Stage: stage.Key, Organization: stage.Organization, Opinion: opinion}}, nil
}

func sendBack(s State, f Facts, c Return) ([]Event, error) {
	stage, _, err := deciding(s, f, c.Stage)
	if err != nil {
		return nil, err
	}
	var faults []domain.Fault
	opinion, err := domain.Opinion(c.Opinion, true)
	var refusal *domain.Error
	switch {
	case errors.As(err, &refusal) && len(refusal.Faults) > 0:
		faults = append(faults, refusal.Faults...)
	case err != nil:
		return nil, err
	}
	modules, wrong := returnable(f.Checker.Definition(), c.Modules)
	if faults = append(faults, wrong...); len(faults) > 0 {
		return nil, domain.ErrInvalid.WithFaults(faults...)
	}
	var deadline time.Time
	if days := f.Notice.CorrectionDays; days > 0 {
		deadline = f.Now.Add(time.Duration(days) * 24 * time.Hour)
	}
	return []Event{Returned{Stage: stage.Key, Organization: stage.Organization, Opinion: opinion, Modules: modules,
		Deadline: deadline}}, nil
}

// returnable keeps the form's order and drops repetitions.
func returnable(def catalog.Definition, asked []string) (modules []string, faults []domain.Fault) {
	known := make([]string, 0, len(def.Modules)+1)
	for _, m := range def.Modules {
		known = append(known, m.Key)
	}
	if def.Recommender != nil {
		known = append(known, ModuleRecommenders)
	}
	for _, m := range asked {
		if !slices.Contains(known, m) {
			f := domain.NewFault("unknown_module", text.Args{"module": m})
			f.Location = "body.modules"
			faults = append(faults, f)
		}
	}
	if len(asked) == 0 {
		f := domain.NewFault("missing", nil)
		f.Location = "body.modules"
		faults = append(faults, f)
	}
	for _, k := range known {
		if slices.Contains(asked, k) {
			modules = append(modules, k)
		}
	}
	return modules, faults
}
