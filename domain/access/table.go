package access

import "zhiping/domain"

// The roles in short, so that the table below can be read in one screen.
const (
	applicant  = domain.Applicant
	unit       = domain.Unit
	department = domain.Department
	bureau     = domain.Bureau
	committee  = domain.Committee
	auditor    = domain.Auditor
	analyst    = domain.Analyst
	admin      = domain.Admin
	operator   = domain.Operator
	program    = domain.System
)

// Policy is the whole table. Commands are named as in the domain, queries begin with “view”.
var Policy = map[Action][]Grant{
	"RegisterUnit": {{unit, OfUnit}, {admin, Any}},
	"ApproveUnit":  {{department, Supervising}, {admin, Any}},

	"CreateOrganization": {{admin, Any}},
	"RenameOrganization": {{admin, Any}},
	"CloseOrganization":  {{admin, Any}},
	"ReopenOrganization": {{admin, Any}},
	"GrantOfficer":       {{admin, Any}},
	"RevokeGrant":        {{admin, Any}, {operator, Any}},

	"GrantRole":   {{admin, Any}, {operator, Any}},
	"RevokeRole":  {{admin, Any}, {operator, Any}},
	"ClaimOffice": {{admin, Any}},    // by GrantOfficer alone
	"RevokeRoles": {{operator, Any}}, // before an account is erased
	"ClaimRoles":  {{program, Any}},  // what an OpenID provider's claims say at a sign-in
	"RecordRole":  {{program, Any}},  // what was granted before grants became events

	"BindUnit":       {{applicant, Own}},
	"UnbindUnit":     {{applicant, Own}},
	"ApproveBinding": {{unit, OfUnit}},
	"RejectBinding":  {{unit, OfUnit}},

	"DraftNotice":   {{bureau, Supervising}, {admin, Any}},
	"ReviseNotice":  {{bureau, Supervising}, {admin, Any}},
	"PublishNotice": {{bureau, Supervising}, {admin, Any}},
	"CloseNotice":   {{bureau, Supervising}, {admin, Any}},

	"StartDeclaration":    {{applicant, Own}},
	"SaveModule":          {{applicant, Own}},
	"AttachFile":          {{applicant, Own}},
	"RemoveFile":          {{applicant, Own}},
	"AddRecommender":      {{applicant, Own}},
	"ChangeRecommender":   {{applicant, Own}},
	"RemoveRecommender":   {{applicant, Own}},
	"SubmitDeclaration":   {{applicant, Own}},
	"WithdrawDeclaration": {{applicant, Own}},

	"ApproveStage":      {{unit, Reviewing}, {department, Reviewing}, {bureau, Reviewing}, {committee, Reviewing}},
	"ClaimPlace":        {{unit, Reviewing}, {department, Reviewing}, {bureau, Reviewing}, {committee, Reviewing}}, // by ApproveStage alone
	"ReturnDeclaration": {{unit, Reviewing}, {department, Reviewing}, {bureau, Reviewing}, {committee, Reviewing}},
	"TerminateReview":   {{unit, Reviewing}, {department, Reviewing}, {bureau, Reviewing}, {committee, Reviewing}},
	"ApproveFinal":      {{committee, Reviewing}},

	"viewLines":         {{applicant, Any}, {unit, Any}, {department, Any}, {bureau, Any}, {committee, Any}, {auditor, Any}, {analyst, Any}, {admin, Any}},
	"viewNotices":       {{applicant, Any}, {unit, Any}, {department, Any}, {bureau, Any}, {committee, Any}, {auditor, Any}, {analyst, Any}, {admin, Any}},
	"viewDraftNotices":  {{bureau, Supervising}, {auditor, Any}, {admin, Any}},
	"viewUnit":          {{applicant, Any}, {unit, Any}, {department, Any}, {bureau, Any}, {committee, Any}, {auditor, Any}, {admin, Any}},
	"viewAccounts":      {{admin, Any}},
	"viewRoles":         {{auditor, Any}, {admin, Any}},
	"viewOrganizations": {{unit, Any}, {department, Any}, {bureau, Any}, {committee, Any}, {auditor, Any}, {admin, Any}},
	"viewOfficers":      {{unit, Supervising}, {department, Supervising}, {bureau, Supervising}, {committee, Supervising}, {auditor, Any}, {admin, Any}},
	"viewUnits":         {{department, Supervising}, {bureau, Supervising}, {auditor, Any}, {admin, Any}},
	"viewOwnBinding":    {{applicant, Own}},
	"viewBindings":      {{unit, OfUnit}, {auditor, Any}},
	"viewOwnHistory":    {{applicant, Own}},
	"viewDeclaration":   {{applicant, Own}, {unit, Overseeing}, {department, Overseeing}, {bureau, Overseeing}, {committee, Overseeing}, {auditor, Any}},
	"viewRewriting":     {{applicant, Own}, {auditor, Any}}, // what is not submitted, or not yet again
	"viewDeclarations":  {{unit, Supervising}, {department, Supervising}, {bureau, Supervising}, {committee, Supervising}, {auditor, Any}},
	"viewWorklist":      {{unit, Supervising}, {department, Supervising}, {bureau, Supervising}, {committee, Supervising}, {auditor, Any}},
	"viewAudit":         {{auditor, Any}},
	"viewIdentityAudit": {{auditor, Any}},
	"viewEvents":        {{analyst, Any}, {auditor, Any}},
	"viewStats":         {{analyst, Any}, {auditor, Any}, {bureau, Any}, {admin, Any}},
}
