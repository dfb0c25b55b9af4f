package http

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/readmodels/views"
)

// FormModule is one page of a declaration. Marked is the manual's ×: the open return names it.
type FormModule struct {
	Key      string          `json:"key"`
	Name     string          `json:"name"`
	Required bool            `json:"required"`
	Data     json.RawMessage `json:"data"`
	Complete bool            `json:"complete"`
	Editable bool            `json:"editable"`
	Marked   bool            `json:"marked"`
}

// FormSlot is a place for files, as the form is now. One of the module `recommenders` is there for each expert.
type FormSlot struct {
	Key      string `json:"key"`
	Module   string `json:"module"`
	Required bool   `json:"required"` // submission asks for a file
}

// Attachment is an attached file.
type Attachment struct {
	ID          uuid.UUID `json:"id"`
	Slot        string    `json:"slot"`
	Recommender string    `json:"recommender,omitempty"`
	Name        string    `json:"name"`
	Size        int64     `json:"size"`
	Type        string    `json:"type"`
	SHA256      string    `json:"sha256"`
}

// FormRecommender is an expert who recommends the applicant.
type FormRecommender struct {
	ID          uuid.UUID       `json:"id"`
	Data        json.RawMessage `json:"data"`
	Attachments []Attachment    `json:"attachments"`
}

// FormReturn is the open return, at the top of the form.
type FormReturn struct {
	Stage        string     `json:"stage"`
	Organization string     `json:"organization"`
	Opinion      string     `json:"opinion"`
	Modules      []string   `json:"modules"`
	At           *time.Time `json:"at,omitempty"`
	Deadline     *time.Time `json:"deadline,omitempty"`
}

// Form is a declaration as its form shows it.
type Form struct {
	ID               uuid.UUID           `json:"id"`
	Number           string              `json:"number"`
	NoticeID         uuid.UUID           `json:"noticeId"`
	NoticeTitle      string              `json:"noticeTitle"`
	Type             string              `json:"type"`
	Applicant        domain.Organization `json:"applicant"`
	Unit             domain.Organization `json:"unit"`
	Status           declaration.Status  `json:"status"`
	StatusText       string              `json:"statusText"`
	Lapsed           bool                `json:"lapsed"` // the time to submit it is over
	Until            *time.Time          `json:"editableUntil,omitempty"`
	Stage            string              `json:"stage,omitempty"`
	Round            int                 `json:"round"`
	SelfCheck        map[string]bool     `json:"selfCheck"`
	Return           *FormReturn         `json:"return,omitempty"`
	Modules          []FormModule        `json:"modules"`
	Slots            []FormSlot          `json:"slots"`
	Attachments      []Attachment        `json:"attachments"`
	RecommendersOpen bool                `json:"recommendersOpen"`
	RecommendersMay  bool                `json:"recommendersEditable"`
	Recommenders     []FormRecommender   `json:"recommenders"`
	Actions          []string            `json:"actions"`
	StartedAt        *time.Time          `json:"startedAt,omitempty"`
	SubmittedAt      *time.Time          `json:"submittedAt,omitempty"`
	UpdatedAt        *time.Time          `json:"updatedAt,omitempty"`
	Revision         uint64              `json:"revision"`
}

// at adds when what happened, which the view knows and the state does not.
func (f *Form) at(d *views.Form) {
	f.StartedAt, f.SubmittedAt, f.UpdatedAt = stamp(d.StartedAt), stamp(d.SubmittedAt), stamp(d.UpdatedAt)
	if f.Return != nil && d.Return != nil {
		f.Return.At = stamp(d.Return.At)
	}
}

// formOf renders a declaration's state, as of that moment, with the definition that its notice was published with.
func (s *Server) formOf(ctx context.Context, st declaration.State, revision uint64, w window, now time.Time) (Form, error) {
	lang := requestOf(ctx).lang
	checker, err := s.Executor.Checker(ctx, st.Notice.ID)
	if err != nil {
		return Form{}, err
	}
	left := w.left(st.Status, st.Deadline, now)
	data := declaration.Form(st, declaration.Facts{Notice: declaration.Notice{CutOff: w.cutOff()}})
	wrong := map[string]bool{}
	for _, f := range checker.Validate(data) {
		wrong[f.Module] = true
	}
	f := Form{
		ID: st.ID, Number: st.Number, NoticeID: st.Notice.ID, NoticeTitle: st.Notice.Title, Type: st.Notice.Type,
		Applicant: st.Applicant, Unit: st.Unit, Status: st.Status, StatusText: left.statusText(st.Status, lang), Lapsed: left.lapsed, Until: left.until, Stage: st.Stage,
		Round: st.Round, SelfCheck: st.SelfCheck, Modules: []FormModule{}, Slots: []FormSlot{}, Attachments: []Attachment{}, Recommenders: []FormRecommender{},
		RecommendersOpen: checker.RecommendersOpen(data), RecommendersMay: st.Editable(declaration.ModuleRecommenders) && !left.lapsed,
		Actions: left.actions(st.Status, st.Decided), Revision: revision,
	}
	if c := st.Correction; c != nil {
		f.Return = &FormReturn{Stage: c.Stage, Organization: c.Organization.Name, Opinion: c.Opinion, Modules: c.Modules, Deadline: stamp(c.Deadline)}
	}
	for _, m := range checker.Definition().Modules {
		module := moduleOf(m, st, lang, !wrong[m.Key])
		module.Editable = module.Editable && !left.lapsed
		f.Modules = append(f.Modules, module)
	}
	asked := checker.RequiredSlots(data)
	for _, sl := range checker.Definition().Slots {
		f.Slots = append(f.Slots, FormSlot{sl.Key, sl.Module, asked[sl.Key]})
	}
	for _, file := range st.Files {
		f.Attachments = append(f.Attachments, attachmentOf(file))
	}
	for _, r := range st.Recommenders {
		f.Recommenders = append(f.Recommenders, recommenderOf(r, st))
	}
	return f, nil
}

func moduleOf(m catalog.Module, st declaration.State, lang string, complete bool) FormModule {
	data, saved := st.Modules[m.Key]
	if !saved {
		data = json.RawMessage("null")
	}
	return FormModule{Key: m.Key, Name: m.Name.In(lang), Required: m.Required, Data: data, Complete: complete && (saved || !m.Required),
		Editable: st.Editable(m.Key), Marked: st.Marked(m.Key)}
}

func attachmentOf(f declaration.File) Attachment {
	return Attachment{f.ID, f.Slot, f.Recommender, f.Name, f.Size, f.Type, f.SHA256}
}

func recommenderOf(r declaration.Recommender, st declaration.State) FormRecommender {
	out := FormRecommender{ID: r.ID, Data: r.Data, Attachments: []Attachment{}}
	for _, f := range st.Files {
		if f.Recommender == r.ID.String() {
			out.Attachments = append(out.Attachments, attachmentOf(f))
		}
	}
	return out
}
