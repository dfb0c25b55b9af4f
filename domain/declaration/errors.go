package declaration

import "zhiping/domain"

// The refusals of this package.
var (
	ErrAlreadyDeclared    = domain.NewError(domain.Conflict, "already_declared")
	ErrNotFound           = domain.NewError(domain.NotFound, "declaration_not_found")
	ErrNoticeNotOpen      = domain.NewError(domain.Conflict, "notice_not_open")
	ErrSelfCheck          = domain.NewError(domain.Invalid, "self_check_incomplete")
	ErrNotEditable        = domain.NewError(domain.Conflict, "not_editable")
	ErrModuleLocked       = domain.NewError(domain.Conflict, "module_locked")
	ErrUnknownModule      = domain.NewError(domain.NotFound, "module_not_found")
	ErrCorrectionOverdue  = domain.NewError(domain.Conflict, "correction_overdue")
	ErrSaveFirst          = domain.NewError(domain.Conflict, "save_first")
	ErrSlotFull           = domain.NewError(domain.Conflict, "slot_full")
	ErrFileNotFound       = domain.NewError(domain.NotFound, "attachment_not_found")
	ErrFileTooLarge       = domain.NewError(domain.TooLarge, "attachment_too_large")
	ErrFileType           = domain.NewError(domain.UnsupportedType, "attachment_type")
	ErrRecommendersClosed = domain.NewError(domain.Conflict, "recommenders_closed")
	ErrRecommendersFull   = domain.NewError(domain.Conflict, "recommenders_full")
	ErrNoRecommender      = domain.NewError(domain.NotFound, "recommender_not_found")
	ErrCommitment         = domain.NewError(domain.Invalid, "commitment_required")
	ErrNotSubmitted       = domain.NewError(domain.Conflict, "not_submitted")
	ErrAlreadyDecided     = domain.NewError(domain.Conflict, "already_decided")
	ErrWrongStage         = domain.NewError(domain.Conflict, "wrong_stage")
)
