package declaration

import (
	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/catalog"
	"zhiping/domain/notice"
	"zhiping/domain/text"
)

// Decide answers a command with the events that follow, or with a refusal. Chapters are the manual's.
//
//	Start (3.3.1):
//	  given nothing, a bound unit, an open notice, every required item confirmed → Started
//	  given a declaration                                → ErrAlreadyDeclared
//	  when the notice is not published                   → notice.ErrNotFound
//	  when it is closed, or not yet open                 → notice.ErrClosed, ErrNoticeNotOpen
//	  when no unit is bound, or only asked               → binding.ErrNotBound, binding.ErrPending
//	  when a required item is not confirmed              → ErrSelfCheck, a fault each
//	Every edit (3.3.2, 3.3.3):
//	  given a submitted, approved or terminated one      → ErrNotEditable
//	  given a returned one, a module that is not marked  → ErrModuleLocked; after the deadline → ErrCorrectionOverdue
//	  given a draft or a withdrawn one, notice closed    → notice.ErrClosed (lapsed, readable)
//	  beyond the bounds of an hour, and in all           → ErrEditsPerHour, ErrEdits, ErrEntered
//	SaveModule: types and formats wrong                  → ErrInvalid, every fault; same data again → nothing
//	AttachFile: its module was never saved               → ErrSaveFirst (“保存 before 上传”)
//	            beyond what a person stores in a day     → ErrAttachedToday; in all → ErrAttached
//	AddRecommender: `basic` as saved does not ask for it → ErrRecommendersClosed
//	Submit:
//	  without the pledge                                 → ErrCommitment
//	  with anything missing or wrong                     → ErrInvalid, every fault
//	  given a draft, withdrawn or returned one           → Submitted at the route's first stage, or at the returning
//	                                                       stage where the notice says so and the way up to it is the same
//	Withdraw: given a submitted one, nothing decided yet → Withdrawn; otherwise ErrAlreadyDecided
//	ApproveStage, Return, Terminate, ApproveFinal:
//	  given it waits at a stage of the officer's organization → StageApproved, Returned, Terminated, Approved
//	  given anything else                                → ErrWrongStage
//	  ApproveStage at the last stage, ApproveFinal before it  → ErrWrongStage
//	  Return without an opinion or without modules       → ErrInvalid
//	  ApproveStage, ApproveFinal without an opinion, where the data check warns → ErrInvalid
func Decide(s State, f Facts, c Command) ([]Event, error) {
	if _, starting := c.(Start); s.Status == "" && !starting {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Start:
		return start(s, f, c)
	case SaveModule:
		return saveModule(s, f, c)
	case AttachFile:
		return attachFile(s, f, c)
	case RemoveFile:
		return removeFile(s, f, c)
	case AddRecommender:
		return addRecommender(s, f, c)
	case ChangeRecommender:
		return changeRecommender(s, f, c)
	case RemoveRecommender:
		return removeRecommender(s, f, c)
	case Submit:
		return submit(s, f, c)
	case Withdraw:
		return withdraw(s, f)
	case ApproveStage:
		return approveStage(s, f, c)
	case Return:
		return sendBack(s, f, c)
	case Terminate:
		return terminate(s, f, c)
	case ApproveFinal:
		return approveFinal(s, f, c)
	}
	panic("declaration: command of an unknown type")
}

func start(s State, f Facts, c Start) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyDeclared
	}
	n := f.Notice
	switch {
	case !n.Published:
		return nil, notice.ErrNotFound
	case n.Upcoming:
		return nil, ErrNoticeNotOpen
	case !n.Open:
		return nil, notice.ErrClosed
	case f.Pending:
		return nil, binding.ErrPending
	case f.Unit.ID == "":
		return nil, binding.ErrNotBound
	}
	def := f.Checker.Definition()
	checked := make(map[string]bool, len(def.SelfCheck))
	var faults []domain.Fault
	for _, item := range def.SelfCheck {
		checked[item.Key] = c.SelfCheck[item.Key]
		if item.Required && !c.SelfCheck[item.Key] {
			fault := domain.NewFault("self_check", text.Args{"item": item.Text})
			fault.Location = "body.selfCheck." + item.Key
			faults = append(faults, fault)
		}
	}
	if len(faults) > 0 {
		return nil, ErrSelfCheck.WithFaults(faults...)
	}
	return []Event{Started{
		ID:         f.ID,
		Number:     Number(n.Year, f.ID),
		Notice:     NoticeRef{ID: n.ID, Title: n.Title, Type: def.Type, Line: def.Line, Year: n.Year, Batch: n.Batch},
		Applicant:  f.Applicant,
		Unit:       f.Unit,
		Department: f.Department,
		SelfCheck:  checked,
	}}, nil
}

// Form is the declaration as its notice's rules see it.
func Form(s State, f Facts) catalog.Form {
	form := catalog.Form{
		Modules:   s.Modules,
		Applicant: catalog.Person{ID: s.Applicant.ID, Name: s.Applicant.Name},
		Unit:      text.Same(s.Unit.Name),
		UnitID:    s.Unit.ID,
		CutOff:    f.Notice.CutOff,
	}
	if f.Account.IDNumber != "" {
		form.Applicant.Name, form.Applicant.IDNumber = f.Account.Name, f.Account.IDNumber
	}
	for _, file := range s.Files {
		form.Files = append(form.Files, catalog.File{ID: file.ID.String(), Slot: file.Slot, Recommender: file.Recommender})
	}
	for _, r := range s.Recommenders {
		form.Recommenders = append(form.Recommenders, catalog.RecommenderData{ID: r.ID.String(), Data: r.Data})
	}
	return form
}
