package declaration

import (
	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/text"
)

// Decide answers a command with the events that follow, or with a refusal. Chapters are the manual's.
//
//	Start (3.3.1):
//	  given nothing, a bound unit, an open notice, every required item confirmed → Started
//	  given a declaration                                → ErrAlreadyDeclared
//	  when the notice is not published                   → ErrNoticeNotFound
//	  when it is closed, or not yet open                 → ErrNoticeClosed, ErrNoticeNotOpen
//	  when no unit is bound, or only asked               → ErrNotBound, ErrBindingPending
//	  when a required item is not confirmed              → ErrSelfCheck, a fault each
//	Every edit (3.3.2, 3.3.3):
//	  given a submitted, approved or terminated one      → ErrNotEditable
//	  given a returned one, a module that is not marked  → ErrModuleLocked; after the deadline → ErrCorrectionOverdue
//	  given a draft or a withdrawn one, notice closed    → ErrNoticeClosed (lapsed, readable)
//	SaveModule: types and formats wrong                  → ErrInvalid, every fault; same data again → nothing
//	AttachFile: its module was never saved               → ErrSaveFirst (“保存 before 上传”)
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
func Decide(s State, c Command) ([]Event, error) {
	if _, starting := c.(Start); s.Status == "" && !starting {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Start:
		return start(s, c)
	case SaveModule:
		return saveModule(s, c)
	case AttachFile:
		return attachFile(s, c)
	case RemoveFile:
		return removeFile(s, c)
	case AddRecommender:
		return addRecommender(s, c)
	case ChangeRecommender:
		return changeRecommender(s, c)
	case RemoveRecommender:
		return removeRecommender(s, c)
	case Submit:
		return submit(s, c)
	case Withdraw:
		return withdraw(s)
	case ApproveStage:
		return approveStage(s, c)
	case Return:
		return sendBack(s, c)
	case Terminate:
		return terminate(s, c)
	case ApproveFinal:
		return approveFinal(s, c)
	}
	panic("declaration: command of an unknown type")
}

func start(s State, c Start) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyDeclared
	}
	n := c.Facts.Notice
	switch {
	case !n.Published:
		return nil, ErrNoticeNotFound
	case n.Upcoming:
		return nil, ErrNoticeNotOpen
	case !n.Open:
		return nil, ErrNoticeClosed
	case c.Facts.Pending:
		return nil, ErrBindingPending
	case c.Facts.Unit.ID == "":
		return nil, ErrNotBound
	}
	def := c.Facts.Checker.Definition()
	checked := make(map[string]bool, len(def.SelfCheck))
	var faults []domain.Fault
	for _, item := range def.SelfCheck {
		checked[item.Key] = c.SelfCheck[item.Key]
		if item.Required && !c.SelfCheck[item.Key] {
			f := domain.NewFault("self_check", text.Args{"item": item.Text})
			f.Location = "body.selfCheck." + item.Key
			faults = append(faults, f)
		}
	}
	if len(faults) > 0 {
		return nil, ErrSelfCheck.WithFaults(faults...)
	}
	return []Event{Started{
		ID:         c.ID,
		Number:     Number(n.Year, c.ID),
		Notice:     NoticeRef{ID: n.ID, Title: n.Title, Type: def.Type, Line: def.Line, Year: n.Year, Batch: n.Batch},
		Applicant:  domain.Organization{ID: c.Applicant.ID, Name: c.Applicant.Name},
		Unit:       c.Facts.Unit,
		Department: c.Facts.Department,
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
