package declaration

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/catalog"
)

// Checker is the compiled definition of the declaration's notice; *catalog.Checker is the one there is.
type Checker interface {
	Definition() catalog.Definition
	// CheckModule checks what is wrong even in a draft: types and formats, not completeness.
	CheckModule(module string, data json.RawMessage) []domain.Fault
	CheckRecommender(data json.RawMessage) []domain.Fault
	// RecommendersOpen tells whether `basic` as saved opens the 破格推荐专家 part.
	RecommendersOpen(form catalog.Form) bool
	// Validate lists everything that still blocks submission.
	Validate(form catalog.Form) []domain.Fault
	// Warnings lists what does not block it and is for offices to decide.
	Warnings(form catalog.Form) []domain.Fault
	// RequiredSlots tells in which slots the form as saved asks for a file.
	RequiredSlots(form catalog.Form) map[string]bool
}

// Facts are what the executor looks up outside the declaration's own stream before every decision.
type Facts struct {
	Now     time.Time
	Checker Checker
	Notice  Notice
	// ID and Applicant are those of a declaration to be started.
	ID        uuid.UUID
	Applicant domain.Organization
	// Unit is the recommending unit that the applicant is bound to now; empty for none. Pending says that a
	// request waits for the unit's approval.
	Unit       domain.Organization
	Department domain.Organization
	Pending    bool
	// Above are the departments above that one, the nearest first, as far as the route asks for them.
	Above []domain.Organization
	// Account is the applicant's as it was registered; the zero Person where no identity number is known. The data
	// check compares with it, and no event repeats it.
	Account catalog.Person
	// Usage is what the declaration's stream holds, AttachedToday what all declarations of the applicant took today, in bytes.
	Usage         domain.Usage
	AttachedToday int64
	// Organization is the deciding officer's.
	Organization domain.Organization
}

// Notice is what a declaration needs to know of its notice.
type Notice struct {
	ID             uuid.UUID
	Title          string
	Year           int
	Batch          string
	Published      bool // not a draft
	Open           bool // within the window, not closed
	Upcoming       bool // published, window not yet begun
	CutOff         time.Time
	Bureau         domain.Organization
	Committee      domain.Organization
	ResubmitTo     string
	CorrectionDays int
	Bounded        bool // the declaration's unit may pass on no more than Places
	Places         int
}

// Command is asked of a declaration. The set is closed.
//
//sumtype:decl
type Command interface {
	// command is the command's name in the policy table and in the audit trail. It is stored and never changes.
	command() string
}

// CommandName is the command's name in the policy table and in the audit trail.
func CommandName(c Command) string { return c.command() }

// Start opens a declaration after the self-check (条件自检 → 确认并开始申报).
type Start struct {
	NoticeID  uuid.UUID
	SelfCheck map[string]bool
}

// SaveModule saves one module's data (保存).
type SaveModule struct {
	Module string
	Data   json.RawMessage
}

// AttachFile adds a file whose content is already stored under its hash.
type AttachFile struct{ File File }

// RemoveFile takes an attached file away; its content stays stored as long as an event names it.
type RemoveFile struct{ ID uuid.UUID }

// AddRecommender enters an expert who recommends the applicant (破格推荐专家).
type AddRecommender struct {
	ID   uuid.UUID
	Data json.RawMessage
}

// ChangeRecommender replaces what was entered of an expert.
type ChangeRecommender struct {
	ID   uuid.UUID
	Data json.RawMessage
}

// RemoveRecommender takes an expert away, with the files attached to them.
type RemoveRecommender struct{ ID uuid.UUID }

// Submit hands the declaration in, the first time or after a return. Commitment is the ticked pledge of truth.
type Submit struct{ Commitment bool }

// Withdraw takes a submitted declaration back before anybody has decided anything.
type Withdraw struct{}

// ApproveStage passes the declaration on to the next stage. Stage optionally names the stage that the officer
// saw, so that a click on a stale page cannot decide a later one.
type ApproveStage struct {
	Stage   string
	Opinion string
}

// Return sends the declaration back for correction of the named modules.
type Return struct {
	Stage   string
	Opinion string
	Modules []string
}

// Terminate ends the review with a refusal.
type Terminate struct {
	Stage   string
	Opinion string
}

// ApproveFinal is the review committee's approval at the last stage (终审通过).
type ApproveFinal struct {
	Stage   string
	Opinion string
}

func (Start) command() string             { return "StartDeclaration" }
func (SaveModule) command() string        { return "SaveModule" }
func (AttachFile) command() string        { return "AttachFile" }
func (RemoveFile) command() string        { return "RemoveFile" }
func (AddRecommender) command() string    { return "AddRecommender" }
func (ChangeRecommender) command() string { return "ChangeRecommender" }
func (RemoveRecommender) command() string { return "RemoveRecommender" }
func (Submit) command() string            { return "SubmitDeclaration" }
func (Withdraw) command() string          { return "WithdrawDeclaration" }
func (ApproveStage) command() string      { return "ApproveStage" }
func (Return) command() string            { return "ReturnDeclaration" }
func (Terminate) command() string         { return "TerminateReview" }
func (ApproveFinal) command() string      { return "ApproveFinal" }
