package http

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/notice"
)

// CheckItem is one line of the self-check.
type CheckItem struct {
	Key      string `json:"key"`
	Text     string `json:"text"`
	Required bool   `json:"required"`
}

// Module is one page of the form, with its JSON Schema.
type Module struct {
	Key      string          `json:"key"`
	Name     string          `json:"name"`
	Required bool            `json:"required"`
	Schema   json.RawMessage `json:"schema"`
}

// Slot is a place for files.
type Slot struct {
	Key      string `json:"key"`
	Name     string `json:"name"`
	Module   string `json:"module"`
	Required bool   `json:"required"`
	// Conditional slots are required where the form says so, such as the proof of papers; the declaration's form tells.
	Conditional bool             `json:"conditional,omitempty"`
	Types       []string         `json:"types"`
	MaxBytes    int64            `json:"maxBytes"`
	MaxFiles    int              `json:"maxFiles"`
	Pixels      []catalog.Pixels `json:"pixels,omitempty"`
}

// Condition is a rule of eligibility, in the words that are shown where it is broken.
type Condition struct {
	Key    string `json:"key"`
	Module string `json:"module"`
	Field  string `json:"field,omitempty"` // a star in it stands for each row
	Text   string `json:"text"`
}

// Stage is one step of the review route.
type Stage struct {
	Stage string `json:"stage"`
	Name  string `json:"name"`
	// Conditional stages are of departments above the unit's own; where there is none, a declaration goes without.
	Conditional bool `json:"conditional,omitempty"`
}

// Notice is a call for declarations.
type Notice struct {
	ID             uuid.UUID           `json:"id"`
	Type           string              `json:"type"`
	Line           string              `json:"line"`
	Version        int                 `json:"version"` // of the type's definition
	Title          string              `json:"title"`
	Year           int                 `json:"year"`
	Batch          string              `json:"batch,omitempty"`
	State          string              `json:"state" enum:"draft,upcoming,open,closed"`
	OpensAt        time.Time           `json:"opensAt"`
	ClosesAt       time.Time           `json:"closesAt"`
	CutOff         time.Time           `json:"cutOff"`
	Instructions   string              `json:"instructions"`
	Bureau         domain.Organization `json:"bureau"`
	Committee      domain.Organization `json:"committee"`
	ResubmitTo     string              `json:"resubmitTo,omitempty"`
	CorrectionDays int                 `json:"correctionDays,omitempty"`
	Quota          int                 `json:"quota,omitempty" doc:"Most declarations that each unit may pass on; 0 for no bound"`
	// Quotas are for the offices that may change the notice.
	Quotas          map[string]int                `json:"quotas,omitempty" doc:"Units' own numbers in place of quota, by credit code; shown to the offices that look after the notice"`
	UnitQuota       *int                          `json:"unitQuota,omitempty" doc:"Most declarations that the caller's unit may pass on; shown to its officers where there is a bound"`
	SlotLimits      map[string]catalog.SlotLimits `json:"slotLimits,omitempty" doc:"What attachmentSlots have otherwise than the type's definition"`
	SelfCheck       []CheckItem                   `json:"selfCheck"`
	Modules         []Module                      `json:"modules"`
	AttachmentSlots []Slot                        `json:"attachmentSlots"`
	Conditions      []Condition                   `json:"conditions"` // judged at CutOff
	Recommenders    *Recommending                 `json:"recommenders,omitempty"`
	Route           []Stage                       `json:"route"`
	Revision        uint64                        `json:"revision"`
}

// Recommending is what the 破格推荐专家 part asks of each expert.
type Recommending struct {
	Count  int             `json:"count"`
	Schema json.RawMessage `json:"schema"`
}

func (s *Server) noticeOf(rq *request, id uuid.UUID, st notice.State, revision uint64) Notice {
	lang, c, d := rq.lang, st.Content, st.Definition
	if st.Status == notice.StatusDraft { // what it would be published with now
		d, _ = s.Catalog.Definition(c.Type)
		d = d.WithLimits(c.SlotLimits)
	}
	n := Notice{
		ID: id, Type: c.Type, Line: d.Line, Version: d.Version, Title: c.Title, Year: c.Year, Batch: c.Batch, State: st.Phase(s.Clock()),
		OpensAt: c.OpensAt.UTC(), ClosesAt: c.ClosesAt.UTC(), CutOff: c.CutOffDate().UTC(), Instructions: c.Instructions,
		Bureau: c.Bureau, Committee: c.Committee, ResubmitTo: c.ResubmitTo, CorrectionDays: c.CorrectionDays, Quota: c.Quota, SlotLimits: c.SlotLimits,
		SelfCheck: []CheckItem{}, Modules: []Module{}, AttachmentSlots: []Slot{}, Conditions: []Condition{}, Route: []Stage{}, Revision: revision,
	}
	if seesDraft(rq.actor, st) {
		n.Quotas = c.Quotas
	}
	if places, bounded := c.Places(rq.actor.Organization.ID); bounded && rq.actor.Has(domain.Unit) {
		n.UnitQuota = &places
	}
	for _, i := range d.SelfCheck {
		n.SelfCheck = append(n.SelfCheck, CheckItem{i.Key, i.Text.In(lang), i.Required})
	}
	for _, m := range d.Modules {
		n.Modules = append(n.Modules, Module{m.Key, m.Name.In(lang), m.Required, m.Schema})
	}
	for _, sl := range d.Slots {
		n.AttachmentSlots = append(n.AttachmentSlots, Slot{sl.Key, sl.Name.In(lang), sl.Module, sl.Required && sl.When == "", sl.Required && sl.When != "", sl.Types, sl.MaxBytes, sl.MaxFiles, sl.Pixels})
	}
	rules := d.Rules
	if r := d.Recommender; r != nil {
		n.Recommenders = &Recommending{r.Count, r.Schema}
		rules = slices.Concat(rules, r.Rules)
	}
	for _, r := range rules {
		n.Conditions = append(n.Conditions, Condition{r.Key, r.Module, r.Field, r.Message.In(lang)})
	}
	for _, st := range d.Route {
		n.Route = append(n.Route, Stage{st.Key, st.Name.In(lang), st.Above > 0})
	}
	return n
}
