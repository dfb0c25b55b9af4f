package access

import . "zhiping/domain" //nolint:revive // the table reads as the manual does: role, relation

// Policy is the whole table. Commands are named as in the domain, queries begin with “view”.
var Policy = map[Action][]Grant{
	"RegisterUnit": {{Unit, OfUnit}, {Admin, Any}},
	"ApproveUnit":  {{Department, Supervising}, {Admin, Any}},

	"CreateOrganization": {{Admin, Any}},
	"RenameOrganization": {{Admin, Any}},
	"GrantOfficer":       {{Admin, Any}},
	"RevokeGrant":        {{Admin, Any}},

	"BindUnit":       {{Applicant, Own}},
	"UnbindUnit":     {{Applicant, Own}},
	"ApproveBinding": {{Unit, OfUnit}},
	"RejectBinding":  {{Unit, OfUnit}},

	"DraftNotice":   {{Bureau, Any}, {Admin, Any}},
	"ReviseNotice":  {{Bureau, Any}, {Admin, Any}},
	"PublishNotice": {{Bureau, Any}, {Admin, Any}},
	"ExtendNotice":  {{Bureau, Any}, {Admin, Any}},
	"CloseNotice":   {{Bureau, Any}, {Admin, Any}},

	"StartDeclaration":    {{Applicant, Own}},
	"SaveModule":          {{Applicant, Own}},
	"AttachFile":          {{Applicant, Own}},
	"RemoveFile":          {{Applicant, Own}},
	"AddRecommender":      {{Applicant, Own}},
	"ChangeRecommender":   {{Applicant, Own}},
	"RemoveRecommender":   {{Applicant, Own}},
	"SubmitDeclaration":   {{Applicant, Own}},
	"WithdrawDeclaration": {{Applicant, Own}},

	"ApproveStage":      {{Unit, Reviewing}, {Department, Reviewing}, {Bureau, Reviewing}, {Committee, Reviewing}},
	"ReturnDeclaration": {{Unit, Reviewing}, {Department, Reviewing}, {Bureau, Reviewing}, {Committee, Reviewing}},
	"TerminateReview":   {{Unit, Reviewing}, {Department, Reviewing}, {Bureau, Reviewing}, {Committee, Reviewing}},
	"ApproveFinal":      {{Committee, Reviewing}},

	"viewLines":        {{Applicant, Any}, {Unit, Any}, {Department, Any}, {Bureau, Any}, {Committee, Any}, {Auditor, Any}, {Analyst, Any}, {Admin, Any}},
	"viewNotices":      {{Applicant, Any}, {Unit, Any}, {Department, Any}, {Bureau, Any}, {Committee, Any}, {Auditor, Any}, {Analyst, Any}, {Admin, Any}},
	"viewDraftNotices": {{Bureau, Any}, {Auditor, Any}, {Admin, Any}},
	"viewUnit":         {{Applicant, Any}, {Unit, Any}, {Department, Any}, {Bureau, Any}, {Committee, Any}, {Auditor, Any}, {Admin, Any}},
	"viewOwnBinding":   {{Applicant, Own}},
	"viewBindings":     {{Unit, OfUnit}},
	"viewOwnHistory":   {{Applicant, Own}},
	"viewDeclaration":  {{Applicant, Own}, {Unit, Reviewing}, {Department, Reviewing}, {Bureau, Reviewing}, {Committee, Reviewing}, {Auditor, Any}},
	"viewWorklist":     {{Unit, Any}, {Department, Any}, {Bureau, Any}, {Committee, Any}},
	"viewAudit":        {{Auditor, Any}},
	"viewEvents":       {{Analyst, Any}, {Auditor, Any}},
	"viewStats":        {{Analyst, Any}, {Auditor, Any}, {Bureau, Any}, {Admin, Any}},
}
