package domain

// Role is what an account may be; an officer's role is held for one organization.
type Role string

// The roles of the HTTP contract.
const (
	Applicant  Role = "applicant"  // 个人
	Unit       Role = "unit"       // 推荐单位经办人
	Department Role = "department" // 业务主管部门
	Bureau     Role = "bureau"     // 人社部门
	Committee  Role = "committee"  // 评委会
	Auditor    Role = "auditor"
	Analyst    Role = "analyst"
	Admin      Role = "admin"
	System     Role = "system"   // the program itself: seeding, reactions
	Operator   Role = "operator" // the operator of the machine, at its command line
)

// OrganizationKind says what an organization does, in the review or beside it.
type OrganizationKind string

// The kinds of organization. The last three take no part in the review: their officers run the system, audit it, and study its
// figures.
const (
	KindBureau         OrganizationKind = "bureau"
	KindDepartment     OrganizationKind = "department"
	KindCommittee      OrganizationKind = "committee"
	KindUnit           OrganizationKind = "unit"
	KindAdministration OrganizationKind = "administration"
	KindAudit          OrganizationKind = "audit"
	KindAnalytics      OrganizationKind = "analytics"
)

// roles is the one table of roles and of how an account comes to hold each, in the order in which an account with several acts.
// Enumerations elsewhere are compared with it by a test.
var roles = []struct {
	role    Role
	office  OrganizationKind // whose officers hold it; empty for none
	granted bool             // it is granted to an account itself, for no organization
	held    bool             // an account can hold it; the others are the program's own
}{
	{role: Applicant, held: true}, // by registration
	{role: Unit, office: KindUnit, held: true},
	{role: Department, office: KindDepartment, held: true},
	{role: Bureau, office: KindBureau, held: true},
	{role: Committee, office: KindCommittee, held: true},
	{role: Auditor, office: KindAudit, granted: true, held: true},
	{role: Analyst, office: KindAnalytics, granted: true, held: true},
	{role: Admin, office: KindAdministration, granted: true, held: true},
	{role: System},
	{role: Operator},
}

// Roles lists every role that an account can hold.
func Roles() (all []Role) {
	for _, r := range roles {
		if r.held {
			all = append(all, r.role)
		}
	}
	return all
}

// GrantableRoles lists the roles that are granted to an account itself, for no organization.
func GrantableRoles() (all []Role) {
	for _, r := range roles {
		if r.granted {
			all = append(all, r.role)
		}
	}
	return all
}

// OrganizationKinds lists every kind of organization.
func OrganizationKinds() (all []OrganizationKind) {
	for _, r := range roles {
		if r.office != "" {
			all = append(all, r.office)
		}
	}
	return all
}

// Role is the role that officers of this kind of organization hold; empty for an unknown kind.
func (k OrganizationKind) Role() Role {
	for _, r := range roles {
		if r.office == k && k != "" {
			return r.role
		}
	}
	return ""
}

// ForOrganization tells whether the role is only ever held for an organization.
func (r Role) ForOrganization() bool {
	for _, row := range roles {
		if row.role == r {
			return row.office != "" && !row.granted
		}
	}
	return false
}
