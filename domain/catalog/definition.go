// Package catalog holds the fifteen declaration types as data: business lines, self-check items, modules with
// JSON Schema, attachment slots, rules and review routes. A notice copies the definition it is published with.
// It imports nothing of ours but domain and domain/text, and reads no file but those embedded or handed to it.
package catalog

import (
	"encoding/json"
	"time"

	"zhiping/domain/text"
)

// Definition is one released version of a declaration type. It is copied into the event that publishes a
// notice, so its JSON form is stored for good: fields are only ever added.
type Definition struct {
	Type        string       `json:"type" yaml:"type"`       // e.g. title.regular
	Version     int          `json:"version" yaml:"version"` // grows with every released change
	Line        string       `json:"line" yaml:"line"`       // e.g. title
	Name        text.Text    `json:"name" yaml:"name"`
	SelfCheck   []CheckItem  `json:"selfCheck" yaml:"selfCheck"`
	Modules     []Module     `json:"modules" yaml:"modules"`
	Slots       []Slot       `json:"slots" yaml:"slots"`
	Rules       []Rule       `json:"rules" yaml:"rules"`
	Recommender *Recommender `json:"recommender,omitempty" yaml:"recommender"` // nil: the type knows no 破格 by experts
	Route       []Stage      `json:"route" yaml:"route"`
	// ResubmitTo says where a corrected declaration enters again: "first" (default) or "returning".
	ResubmitTo string `json:"resubmitTo,omitempty" yaml:"resubmitTo"`
	// Batched: its notices are told apart by a batch number (全省第N批, domain.md 1.3), and none is published without.
	Batched bool `json:"batched,omitempty" yaml:"batched"`
}

// CheckItem is one line of the eligibility self-check (条件自检).
type CheckItem struct {
	Key      string    `json:"key" yaml:"key"`
	Text     text.Text `json:"text" yaml:"text"`
	Required bool      `json:"required" yaml:"required"`
}

// Module is one page of the form. Schema is JSON Schema 2020-12 of the module's data object; `title` is Chinese,
// `x-title-en` English. What Schema requires is asked for at submission; types and formats already on saving.
type Module struct {
	Key      string          `json:"key" yaml:"key"`
	Name     text.Text       `json:"name" yaml:"name"`
	Required bool            `json:"required" yaml:"required"` // must be saved before submission
	Schema   json.RawMessage `json:"schema" yaml:"schema"`
	Source   string          `json:"source,omitempty" yaml:"source"` // where the fields come from, a label of domain.md
}

// Slot is a place for attached files. Module names the page that it belongs to ("recommenders" for the experts' form).
type Slot struct {
	Key      string    `json:"key" yaml:"key"`
	Name     text.Text `json:"name" yaml:"name"`
	Module   string    `json:"module" yaml:"module"`
	Required bool      `json:"required" yaml:"required"`
	When     string    `json:"when,omitempty" yaml:"when"` // CEL: required only where this holds
	Types    []string  `json:"types" yaml:"types"`         // MIME types by content
	MaxBytes int64     `json:"maxBytes" yaml:"maxBytes"`
	MaxFiles int       `json:"maxFiles" yaml:"maxFiles"`
	Pixels   []Pixels  `json:"pixels,omitempty" yaml:"pixels"`  // any one of these sizes; empty: not measured
	Message  text.Text `json:"message,omitzero" yaml:"message"` // why it is required, where that needs to be said
}

// Pixels is an exact picture size.
type Pixels struct {
	Width  int `json:"width" yaml:"width"`
	Height int `json:"height" yaml:"height"`
}

// Rule is a condition of eligibility in CEL over the whole form; where it does not hold, Message is shown. One with a
// star in Field, such as /entries/*/to, is asked of each row of that list (of each recommender: /*/unit), as `row`.
type Rule struct {
	Key     string    `json:"key" yaml:"key"`
	Module  string    `json:"module" yaml:"module"`
	Field   string    `json:"field,omitempty" yaml:"field"` // JSON pointer below the module's data
	When    string    `json:"when,omitempty" yaml:"when"`   // CEL: applies only where this holds
	Expr    string    `json:"expr" yaml:"expr"`             // CEL: must hold
	Message text.Text `json:"message" yaml:"message"`
	Source  string    `json:"source,omitempty" yaml:"source"`
	// Warning: it does not keep from submitting. Offices see it, and decide with a reason whether it counts.
	Warning bool `json:"warning,omitempty" yaml:"warning"`
}

// Recommender is the 破格推荐专家 part (domain.md 1.8): When says when it is open and required.
type Recommender struct {
	When    string          `json:"when" yaml:"when"` // CEL over the form, e.g. basic.category == "exceptional" && …
	Count   int             `json:"count" yaml:"count"`
	Schema  json.RawMessage `json:"schema" yaml:"schema"`   // of one recommender's data object
	Rules   []Rule          `json:"rules" yaml:"rules"`     // over `recommenders`, a list, and the form
	Message text.Text       `json:"message" yaml:"message"` // where there are not Count of them
}

// Kinds of review stage; the kind tells whose organization it is.
const (
	StageUnit       = "unit"
	StageDepartment = "department"
	StageBureau     = "bureau"
	StageCommittee  = "committee"
)

// Stage is one step of the review route. Key is unique in the route and is what HTTP calls `stage`.
type Stage struct {
	Key  string    `json:"key" yaml:"key"`
	Kind string    `json:"kind" yaml:"kind"` // StageUnit, StageDepartment, StageBureau or StageCommittee
	Name text.Text `json:"name" yaml:"name"`
	// Above is how many levels above the unit's own department a StageDepartment is held, in the tree of organizations.
	// A declaration whose unit has no department that high goes without the stage.
	Above int `json:"above,omitempty" yaml:"above"`
}

// Above is how many departments above the unit's own the route asks for at most.
func (d Definition) Above() int {
	highest := 0
	for _, st := range d.Route {
		highest = max(highest, st.Above)
	}
	return highest
}

// Form is what the definition's schemas, slots and rules are checked against: everything that a declaration holds.
type Form struct {
	Modules      map[string]json.RawMessage // by module key; only saved ones
	Files        []File
	Recommenders []RecommenderData
	Applicant    Person
	Unit         text.Text // name of the recommending unit
	UnitID       string
	CutOff       time.Time // the notice's qualification cut-off date (任职资格截止)
}

// File is an attached file as far as rules see it.
type File struct {
	ID          string
	Slot        string
	Recommender string // the recommender it belongs to, or empty
}

// RecommenderData is one recommender as entered.
type RecommenderData struct {
	ID   string
	Data json.RawMessage
}

// Person is the applicant as far as rules see them. IDNumber is the account's, empty where it was registered with none;
// it is in no event, and no rule's inputs show it.
type Person struct {
	ID       string
	Name     string
	IDNumber string
}
