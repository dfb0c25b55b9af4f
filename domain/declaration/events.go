package declaration

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/text"
)

// Event is something that happened to a declaration. The set is closed. When and by whom is in the metadata.
//
//sumtype:decl
type Event interface{ isEvent() }

// NoticeRef is what a declaration remembers of its notice, so that views need not look it up.
type NoticeRef struct {
	ID    uuid.UUID `json:"id"`
	Title string    `json:"title"`
	Type  string    `json:"type"`
	Line  string    `json:"line"`
	Year  int       `json:"year"`
	Batch string    `json:"batch,omitempty"`
}

// Stage is one step of the review route with the organization that holds it.
type Stage struct {
	Key          string              `json:"key"`
	Kind         string              `json:"kind"`
	Name         text.Text           `json:"name"`
	Organization domain.Organization `json:"organization"`
}

// File is an attached file; its content lies in the blob store under SHA256.
type File struct {
	ID          uuid.UUID `json:"id"`
	Slot        string    `json:"slot"`
	Recommender string    `json:"recommender,omitempty"`
	Name        string    `json:"name"`
	Size        int64     `json:"size"`
	Type        string    `json:"type"` // MIME type by content
	SHA256      string    `json:"sha256"`
}

// Started says that the applicant passed the self-check and began.
type Started struct {
	ID         uuid.UUID           `json:"id"`
	Number     string              `json:"number"`
	Notice     NoticeRef           `json:"notice"`
	Applicant  domain.Organization `json:"applicant"`
	Unit       domain.Organization `json:"unit"`
	Department domain.Organization `json:"department"`
	SelfCheck  map[string]bool     `json:"selfCheck"`
}

// ModuleSaved says that a module's data was saved; Data replaces what was there.
type ModuleSaved struct {
	Module string          `json:"module"`
	Data   json.RawMessage `json:"data"`
}

// FileAttached says that a file was added.
type FileAttached struct {
	File File `json:"file"`
}

// FileRemoved says that a file was taken away.
type FileRemoved struct {
	File File `json:"file"`
}

// RecommenderAdded says that an expert was entered.
type RecommenderAdded struct {
	ID   uuid.UUID       `json:"id"`
	Data json.RawMessage `json:"data"`
}

// RecommenderChanged says that an expert's data was replaced.
type RecommenderChanged struct {
	ID   uuid.UUID       `json:"id"`
	Data json.RawMessage `json:"data"`
}

// RecommenderRemoved says that an expert was taken away, with their files.
type RecommenderRemoved struct {
	ID uuid.UUID `json:"id"`
}

// Submitted says that the applicant handed the declaration in, pledged its truth, and along which route it goes.
type Submitted struct {
	Round      int                 `json:"round"` // 1 for the first submission
	Unit       domain.Organization `json:"unit"`
	Department domain.Organization `json:"department"`
	Route      []Stage             `json:"route"`
	Stage      string              `json:"stage"` // where it waits now
	Commitment text.Text           `json:"commitment"`
}

// Withdrawn says that the applicant took the declaration back.
type Withdrawn struct {
	Stage string `json:"stage"`
}

// StageApproved says that a stage passed the declaration on.
type StageApproved struct {
	Stage        string              `json:"stage"`
	Organization domain.Organization `json:"organization"`
	Opinion      string              `json:"opinion,omitempty"`
	Next         string              `json:"next"`
}

// Returned says that a stage sent the declaration back, and which modules may be corrected until when.
type Returned struct {
	Stage        string              `json:"stage"`
	Organization domain.Organization `json:"organization"`
	Opinion      string              `json:"opinion"`
	Modules      []string            `json:"modules"`
	Deadline     time.Time           `json:"deadline,omitzero"`
}

// Terminated says that a stage ended the review with a refusal (审核不通过终止审核).
type Terminated struct {
	Stage        string              `json:"stage"`
	Organization domain.Organization `json:"organization"`
	Opinion      string              `json:"opinion"`
}

// Approved says that the review committee approved finally (终审通过).
type Approved struct {
	Stage        string              `json:"stage"`
	Organization domain.Organization `json:"organization"`
	Opinion      string              `json:"opinion,omitempty"`
}

func (Started) isEvent()            {}
func (ModuleSaved) isEvent()        {}
func (FileAttached) isEvent()       {}
func (FileRemoved) isEvent()        {}
func (RecommenderAdded) isEvent()   {}
func (RecommenderChanged) isEvent() {}
func (RecommenderRemoved) isEvent() {}
func (Submitted) isEvent()          {}
func (Withdrawn) isEvent()          {}
func (StageApproved) isEvent()      {}
func (Returned) isEvent()           {}
func (Terminated) isEvent()         {}
func (Approved) isEvent()           {}

// EventTypes lists the package's events under the names that they are stored with.
func EventTypes() []domain.EventType {
	return []domain.EventType{
		{Name: "DeclarationStarted", Version: 1, Zero: Started{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "ModuleSaved", Version: 1, Zero: ModuleSaved{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "FileAttached", Version: 1, Zero: FileAttached{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "FileRemoved", Version: 1, Zero: FileRemoved{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "RecommenderAdded", Version: 1, Zero: RecommenderAdded{}, Shown: domain.InAudit},
		{Name: "RecommenderChanged", Version: 1, Zero: RecommenderChanged{}, Shown: domain.InAudit},
		{Name: "RecommenderRemoved", Version: 1, Zero: RecommenderRemoved{}, Shown: domain.InAudit},
		{Name: "DeclarationSubmitted", Version: 1, Zero: Submitted{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "DeclarationWithdrawn", Version: 1, Zero: Withdrawn{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "StageApproved", Version: 1, Zero: StageApproved{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "DeclarationReturned", Version: 1, Zero: Returned{}, Shown: domain.InAudit | domain.ToAnalysts | domain.InMessage},
		{Name: "ReviewTerminated", Version: 1, Zero: Terminated{}, Shown: domain.InAudit | domain.ToAnalysts | domain.InMessage},
		{Name: "DeclarationApproved", Version: 1, Zero: Approved{}, Shown: domain.InAudit | domain.ToAnalysts | domain.InMessage},
	}
}
