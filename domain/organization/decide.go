package organization

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/gb"
	"zhiping/domain/text"
)

// MaxNameRunes bounds an organization's name, MaxIDBytes its id.
const (
	MaxNameRunes = 100
	MaxIDBytes   = 64
)

// The refusals of this package.
var (
	ErrExists        = domain.NewError(domain.Conflict, "organization_exists")
	ErrNotFound      = domain.NewError(domain.NotFound, "organization_not_found")
	ErrParentUnknown = domain.NewError(domain.Invalid, "organization_parent")
	ErrOwnOffice     = domain.NewError(domain.Conflict, "own_office")
	ErrClosed        = domain.NewError(domain.Conflict, "organization_closed")
	ErrNotEmpty      = domain.NewError(domain.Conflict, "organization_not_empty")
	ErrWorkWaiting   = domain.NewError(domain.Conflict, "organization_work_waiting")
)

// parents says what an organization of each kind may lie below; "" is the top of the tree.
var parents = map[Kind][]Kind{
	KindBureau:     {"", KindBureau},
	KindDepartment: {"", KindBureau, KindDepartment},
	KindCommittee:  {"", KindBureau, KindDepartment},
	KindUnit:       {KindDepartment, KindUnit},

	KindAdministration: {""},
	KindAudit:          {""},
	KindAnalytics:      {""},
}

// Decide answers a command with the events that follow, or with a refusal.
//
//	Create:       given nothing, below a parent that its kind may lie below → Created
//	              given an organization                                     → ErrExists
//	              below nobody, or below a closed one or a wrong kind       → ErrParentUnknown
//	              a unit whose id is no credit code                         → ErrInvalid
//	Rename:       given an organization of another name                     → Renamed
//	              of the same name                                          → nothing (idempotent)
//	GrantOfficer: given an organization                                     → OfficerGranted
//	              to who appoints                                           → ErrOwnOffice
//	              to who appointed that admin, also through others          → domain.ErrAppointer
//	              given the same grant                                      → nothing (idempotent)
//	              to an officer of another organization                     → account.ErrElsewhere
//	              with an end that is not in the future                     → ErrInvalid
//	RevokeGrant:  given an officer                                          → GrantRevoked
//	              given none                                                → nothing (idempotent)
//	Close:        given an organization                                     → Closed, which ends every grant
//	              given a closed one                                        → nothing (idempotent)
//	              with open organizations below it                          → ErrNotEmpty
//	              while declarations wait for its decision                  → ErrWorkWaiting
//	Reopen:       given a closed organization, its parent open              → Reopened, without officers
//	              given an open one                                         → nothing (idempotent)
//	              with its parent closed                                    → ErrParentUnknown
//	all but Create, given nothing                                           → ErrNotFound
//	all but Create and Reopen, given a closed organization                  → ErrClosed
func Decide(s State, f Facts, c Command) ([]Event, error) {
	if _, creating := c.(Create); !creating && s.ID == "" {
		return nil, ErrNotFound
	}
	switch c.(type) { //nolint:gochecksumtype // the next switch has the others
	case Close:
		return closeDown(s, f)
	case Reopen:
		return reopen(s, f)
	case Rename, GrantOfficer, RevokeGrant:
		if s.Closed {
			return nil, ErrClosed
		}
	}
	switch c := c.(type) { //nolint:gochecksumtype // the switch above has the others
	case Create:
		return create(s, f, c)
	case Rename:
		return rename(s, c)
	case GrantOfficer:
		return grant(s, f, c)
	case RevokeGrant:
		return revoke(s, c)
	}
	panic("organization: command of an unknown type")
}

func create(s State, f Facts, c Create) ([]Event, error) {
	if s.ID != "" {
		return nil, ErrExists
	}
	var faults []domain.Fault
	if f.ID == "" || len(f.ID) > MaxIDBytes || !plain(f.ID) {
		faults = append(faults, fault("body.id", "organization_id", text.Args{"max": MaxIDBytes}))
	}
	name, nameFaults := checkName(c.Name)
	faults = append(faults, nameFaults...)
	allowed, known := parents[c.Kind]
	if !known {
		faults = append(faults, fault("body.kind", "one_of", text.Args{"values": text.List(domain.OrganizationKinds())}))
	}
	if form, _ := gb.CheckCreditCode(f.ID); c.Kind == KindUnit && !form {
		faults = append(faults, fault("body.id", "format_uscc", text.Args{"field": text.Of("field.uscc", nil)}))
	}
	if len(faults) > 0 {
		return nil, domain.ErrInvalid.WithFaults(faults...)
	}
	if c.Parent != "" && f.ParentKind == "" {
		return nil, ErrParentUnknown
	}
	if !slices.Contains(allowed, f.ParentKind) {
		return nil, ErrParentUnknown
	}
	return []Event{Created{ID: f.ID, Name: name, Kind: c.Kind, Parent: c.Parent}}, nil
}

func closeDown(s State, f Facts) ([]Event, error) {
	switch {
	case s.Closed:
		return nil, nil
	case f.Below:
		return nil, ErrNotEmpty
	case f.Waiting:
		return nil, ErrWorkWaiting
	}
	return []Event{Closed{}}, nil
}

func reopen(s State, f Facts) ([]Event, error) {
	switch {
	case !s.Closed:
		return nil, nil
	case s.Parent != "" && f.ParentKind == "":
		return nil, ErrParentUnknown
	}
	return []Event{Reopened{}}, nil
}

func rename(s State, c Rename) ([]Event, error) {
	name, faults := checkName(c.Name)
	if len(faults) > 0 {
		return nil, domain.ErrInvalid.WithFaults(faults...)
	}
	if name == s.Name {
		return nil, nil
	}
	return []Event{Renamed{Name: name}}, nil
}

func grant(s State, f Facts, c GrantOfficer) ([]Event, error) {
	var faults []domain.Fault
	if c.Account == "" {
		faults = append(faults, fault("body.account", "missing", nil))
	}
	next := Officer{Account: c.Account, Role: s.Kind.Role()}
	if c.Expires != nil {
		next.Expires = c.Expires.UTC()
		if !c.Expires.After(f.Now) {
			faults = append(faults, fault("body.expires", "not_in_future", nil))
		}
	}
	if len(faults) > 0 {
		return nil, domain.ErrInvalid.WithFaults(faults...)
	}
	if c.Account == f.By {
		return nil, ErrOwnOffice
	}
	if f.Appointed {
		return nil, domain.ErrAppointer
	}
	if f.Elsewhere != "" && f.Elsewhere != s.ID {
		return nil, account.ErrElsewhere
	}
	if have, ok := s.Officer(c.Account); ok && have.Role == next.Role && have.Expires.Equal(next.Expires) {
		return nil, nil
	}
	e := OfficerGranted{Organization: s.ID, Account: c.Account, Role: next.Role}
	if c.Expires != nil {
		e.Expires = &next.Expires
	}
	return []Event{e}, nil
}

func revoke(s State, c RevokeGrant) ([]Event, error) {
	have, ok := s.Officer(c.Account)
	if !ok {
		return nil, nil
	}
	return []Event{GrantRevoked{Organization: s.ID, Account: have.Account, Role: have.Role}}, nil
}

// invisible characters have no place in a name: they break lines, or turn the direction of what follows them.
func invisible(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// plain accepts what is an id in a path and in a stream's name alike.
func plain(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

func checkName(name string) (string, []domain.Fault) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n == 0 || n > MaxNameRunes {
		return name, []domain.Fault{fault("body.name", "length", text.Args{"min": 1, "max": MaxNameRunes})}
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, invisible) {
		return name, []domain.Fault{fault("body.name", "control_characters", nil)}
	}
	return name, nil
}

func fault(location, code string, args text.Args) domain.Fault {
	f := domain.NewFault(code, args)
	f.Location = location
	return f
}
