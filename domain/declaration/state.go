package declaration

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
)

// Status is where a declaration stands, in the HTTP contract's words.
type Status string

// The statuses; the manual's labels are in the text catalogue under status.<status>.
const (
	StatusDraft      Status = "draft"
	StatusSubmitted  Status = "submitted"
	StatusReturned   Status = "returned"
	StatusApproved   Status = "approved"
	StatusTerminated Status = "terminated"
	StatusWithdrawn  Status = "withdrawn"
)

// Recommender is an expert who recommends the applicant.
type Recommender struct {
	ID   uuid.UUID       `json:"id"`
	Data json.RawMessage `json:"data"`
}

// Correction is an open return: which stage asked for it, and what may be changed until when.
type Correction struct {
	Stage        string              `json:"stage"`
	Organization domain.Organization `json:"organization"`
	Opinion      string              `json:"opinion"`
	Modules      []string            `json:"modules"`
	Deadline     time.Time           `json:"deadline,omitzero"`
}

// State is a declaration as its events tell it; the zero State is one that was never started. It is shared
// between callers: Evolve copies what it changes.
type State struct {
	ID         uuid.UUID           `json:"id"`
	Number     string              `json:"number"`
	Notice     NoticeRef           `json:"notice"`
	Applicant  domain.Organization `json:"applicant"`
	Unit       domain.Organization `json:"unit"`
	Department domain.Organization `json:"department"`
	SelfCheck  map[string]bool     `json:"selfCheck,omitempty"`
	Progress
	Modules      map[string]json.RawMessage `json:"modules,omitempty"`
	Files        []File                     `json:"files,omitempty"`
	Recommenders []Recommender              `json:"recommenders,omitempty"`
	Route        []Stage                    `json:"route,omitempty"`      // since the first submission
	Correction   *Correction                `json:"correction,omitempty"` // while returned, and only then
	submitted    *entered                   // what was entered when it was submitted last
	saved        int64                      // bytes of form data that were ever saved
}

// entered is what the applicant has entered, at some moment.
type entered struct {
	selfCheck    map[string]bool
	modules      map[string]json.RawMessage
	files        []File
	recommenders []Recommender
}

// AsSubmitted is what offices see of the declaration: where it stands now, with what was entered when it was submitted last. What
// is rewritten after a return or a withdrawal is nobody's but the applicant's until it is submitted. It is false for a declaration
// that was never submitted, of which offices see nothing. Only a state that was folded from events knows; the document of a view
// does not.
func (s State) AsSubmitted() (State, bool) {
	if s.submitted == nil {
		return State{}, false
	}
	s.SelfCheck, s.Modules, s.Files, s.Recommenders = s.submitted.selfCheck, s.submitted.modules, s.submitted.files, s.submitted.recommenders
	return s, true
}

// Current is the stage that the declaration waits at, with its place in the route; ok is false where it waits
// at none.
func (s State) Current() (stage Stage, index int, ok bool) {
	if s.Status != StatusSubmitted {
		return Stage{}, 0, false
	}
	i := slices.IndexFunc(s.Route, func(st Stage) bool { return st.Key == s.Stage })
	if i < 0 {
		return Stage{}, 0, false
	}
	return s.Route[i], i, true
}

// Editable tells whether a module may be changed now: every module of a draft or a withdrawn declaration, the
// marked ones of a returned one. Marking `basic` opens the recommenders too, since it decides whether they are asked for.
func (s State) Editable(module string) bool {
	switch s.Status {
	case StatusDraft, StatusWithdrawn:
		return true
	case StatusReturned:
		return s.Marked(module) || module == ModuleRecommenders && s.Marked(ModuleBasic)
	}
	return false
}

// Marked tells whether an open return names the module (the manual's ×).
func (s State) Marked(module string) bool {
	return s.Correction != nil && slices.Contains(s.Correction.Modules, module)
}

// Keys of the modules that the program itself knows.
const (
	ModuleBasic        = "basic"
	ModuleRecommenders = "recommenders" // not saved as a module; marked and edited like one
)

// File finds an attached file.
func (s State) File(id uuid.UUID) (File, bool) {
	i := slices.IndexFunc(s.Files, func(f File) bool { return f.ID == id })
	if i < 0 {
		return File{}, false
	}
	return s.Files[i], true
}

// Evolve folds one event into the state. It never fails and never changes what s shares with others. Withdrawn,
// StageApproved, Terminated and Approved change the Progress only.
func Evolve(s State, e Event) State {
	if _, attached := e.(FileAttached); !attached {
		s.saved += Bytes(e)
	}
	s.Progress = s.Progress.Evolve(e)
	switch e := e.(type) { //nolint:gochecksumtype // the others change the progress alone
	case Started:
		return State{ID: e.ID, Number: e.Number, Notice: e.Notice, Applicant: e.Applicant, Unit: e.Unit,
			Department: e.Department, SelfCheck: e.SelfCheck, Progress: s.Progress}
	case ModuleSaved:
		m := maps.Clone(s.Modules)
		if m == nil {
			m = map[string]json.RawMessage{}
		}
		m[e.Module] = e.Data
		s.Modules = m
	case FileAttached:
		s.Files = append(slices.Clip(s.Files), e.File)
	case FileRemoved:
		s.Files = without(s.Files, func(f File) bool { return f.ID == e.File.ID })
	case RecommenderAdded:
		s.Recommenders = append(slices.Clip(s.Recommenders), Recommender(e))
	case RecommenderChanged:
		s.Recommenders = slices.Clone(s.Recommenders)
		for i := range s.Recommenders {
			if s.Recommenders[i].ID == e.ID {
				s.Recommenders[i].Data = e.Data
			}
		}
	case RecommenderRemoved:
		s.Recommenders = without(s.Recommenders, func(r Recommender) bool { return r.ID == e.ID })
		s.Files = without(s.Files, func(f File) bool { return f.Recommender == e.ID.String() })
	case Submitted:
		s.Route, s.Unit, s.Department, s.Correction = e.Route, e.Unit, e.Department, nil
		s.submitted = &entered{selfCheck: s.SelfCheck, modules: s.Modules, files: s.Files, recommenders: s.Recommenders}
	case Returned:
		s.Correction = &Correction{Stage: e.Stage, Organization: e.Organization, Opinion: e.Opinion,
			Modules: e.Modules, Deadline: e.Deadline}
	}
	return s
}

// without copies the list and leaves out what matches.
func without[T any](list []T, drop func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), drop)
}
