package identity

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"zhiping/domain"
)

// Organization is a node of the tree of organizations. A unit's id is its credit code.
type Organization struct {
	ID     string                  `json:"id"`
	Name   string                  `json:"name"`
	Kind   domain.OrganizationKind `json:"kind"`
	Parent string                  `json:"parent,omitempty"` // id of the organization above it
}

// Account is a person who signs in. Roles beyond that of an applicant are granted by events alone.
type Account struct {
	ID        string // made up when empty
	Name      string
	Login     string // login name; may be empty when there is a phone
	Phone     string
	Email     string
	IDNumber  string // may be empty
	Applicant bool   // declares for themselves, as everybody who registers may
}

// User is what an account may see of itself, and what GET /me answers.
type User struct {
	ID           string               `json:"id"`
	Name         string               `json:"name"`
	Roles        []domain.Role        `json:"roles"`
	Organization *domain.Organization `json:"organization,omitempty"`
}

// EnsureAccount makes the account unless its login name or phone is there already, in which case nothing changes.
// It answers the account's id either way. It is for seeding, so the password policy does not apply.
func (p *Provider) EnsureAccount(ctx context.Context, a Account, password string) (string, error) {
	a.Login, a.Phone = normalLogin(a.Login), strings.TrimSpace(a.Phone)
	if a.Login == "" && a.Phone == "" {
		return "", errors.New("identity: an account needs a login name or a phone")
	}
	if a.Login != "" && p.cfg.CheckPhone(a.Login) == nil {
		return "", errors.New("identity: a login name must not be a phone number: it could be somebody else's")
	}
	if have, err := p.accountBy(ctx, cmp.Or(a.Login, a.Phone)); err != nil || have.ID != "" {
		return have.ID, err
	}
	id, err := p.addAccount(ctx, a, password, "")
	if errors.Is(err, ErrAccountExists) { // another process was faster
		have, err := p.accountBy(ctx, cmp.Or(a.Login, a.Phone))
		return have.ID, err
	}
	return id, err
}

// AddAccount makes the account of an operator's choice, whose password must follow the policy. Asked again for the same
// login name with the same password, it answers the account that is there, so that what broke off behind it can be
// repeated; otherwise ErrAccountExists says that the login name or phone is taken.
func (p *Provider) AddAccount(ctx context.Context, a Account, password, by string) (string, error) {
	a.Login, a.Phone = normalLogin(a.Login), strings.TrimSpace(a.Phone)
	if a.Login == "" || p.cfg.CheckPhone(a.Login) == nil {
		return "", errors.New("identity: a login name is needed, which must not be a phone number")
	}
	if faults := checkPolicy("password", password, a.Login, a.Phone); len(faults) > 0 {
		return "", domain.ErrInvalid.WithFaults(faults...)
	}
	id, err := p.addAccount(ctx, a, password, by)
	if !errors.Is(err, ErrAccountExists) {
		return id, err
	}
	have, known := p.accountBy(ctx, a.Login)
	if known != nil {
		return "", known
	}
	if ok, _, checked := p.hashes.verify(ctx, password, have.Password); checked != nil || !ok || have.Disabled {
		return "", errors.Join(err, checked)
	}
	return have.ID, nil
}

func (p *Provider) addAccount(ctx context.Context, a Account, password, by string) (string, error) {
	hash, err := p.hashes.hash(ctx, password)
	if err != nil {
		return "", err
	}
	err = p.write(ctx, func(c *change) error {
		if err := p.insertAccount(ctx, c, &a, hash); err != nil {
			return err
		}
		c.record(AuditRecord{Kind: AuditAccountSeeded, Account: a.ID, Actor: by})
		return nil
	})
	return a.ID, err
}

// insertAccount writes a new account with its identity number, and fills in its id.
func (p *Provider) insertAccount(ctx context.Context, c *change, a *Account, hash string) error {
	if a.ID == "" {
		id, err := uuid.NewRandomFromReader(p.cfg.Rand)
		if err != nil {
			return fmt.Errorf("identity: random bytes: %w", err)
		}
		a.ID = id.String()
	}
	now := p.now()
	_, err := c.ExecContext(ctx, `INSERT INTO accounts (id, name, login, phone, email, password, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
		a.ID, a.Name, nullable(a.Login), nullable(a.Phone), a.Email, hash, millis(now))
	if taken(err) {
		return ErrAccountExists
	}
	if err != nil {
		return fmt.Errorf("identity: insert account: %w", err)
	}
	if a.Applicant {
		if err := grant(ctx, c.querier, Grant{Account: a.ID, Role: domain.Applicant}, now, given); err != nil {
			return err
		}
	}
	if a.IDNumber == "" {
		return nil
	}
	return p.putIDNumber(ctx, c.querier, a.ID, a.IDNumber)
}

// accountRow is what a sign-in needs of an account.
type accountRow struct {
	ID, Name, Password string
	Disabled           bool
}

// accountBy finds the account of a login name or phone; the zero row when there is none.
func (p *Provider) accountBy(ctx context.Context, account string) (accountRow, error) {
	var a accountRow
	if account == "" {
		return a, nil
	}
	var disabled int64
	err := p.reader.QueryRowContext(ctx, `SELECT id, name, password, disabled_at FROM accounts WHERE login = $1 OR phone = $1`, account).
		Scan(&a.ID, &a.Name, &a.Password, &disabled)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return a, fmt.Errorf("identity: account: %w", err)
	}
	a.Disabled = disabled != 0
	return a, nil
}

// normalLogin makes login names compare without regard to case and surrounding space.
func normalLogin(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func nullable(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
