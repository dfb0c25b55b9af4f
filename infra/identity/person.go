package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"zhiping/domain"
)

// Person is who an account belongs to, for its owner and for officers who may see it. Every read of an identity
// number goes through here.
type Person struct {
	Account  string
	Name     string
	Phone    string
	Email    string
	IDNumber string // empty when none is kept
	Verified bool
	Disabled bool
}

// MaskedIDNumber shows the area and the last two characters only.
func (p Person) MaskedIDNumber() string {
	if len(p.IDNumber) < 8 {
		return ""
	}
	return p.IDNumber[:6] + strings.Repeat("*", len(p.IDNumber)-8) + p.IDNumber[len(p.IDNumber)-2:]
}

// MaskedPhone shows the first three and the last four digits only.
func (p Person) MaskedPhone() string {
	if len(p.Phone) < 8 {
		return ""
	}
	return p.Phone[:3] + strings.Repeat("*", len(p.Phone)-7) + p.Phone[len(p.Phone)-4:]
}

const personColumns = `SELECT a.id, a.name, coalesce(a.phone, ''), a.email, a.verified_at, a.disabled_at, n.sealed
	FROM accounts a LEFT JOIN identity_numbers n ON n.account_id = a.id WHERE a.erased_at = 0 AND `

// Person answers who an account belongs to.
func (p *Provider) Person(ctx context.Context, account string) (Person, error) {
	return p.person(ctx, `a.id = $1`, account)
}

// Holder answers whose account keeps an identity number, for an operator whom somebody tells that theirs is taken.
func (p *Provider) Holder(ctx context.Context, idNumber, by string) (Person, error) {
	var account string
	err := p.reader.QueryRowContext(ctx, `SELECT account_id FROM identity_numbers WHERE blind = $1`,
		mac(p.keys.blind, "id number", normalIDNumber(idNumber))).Scan(&account)
	if errors.Is(err, sql.ErrNoRows) {
		return Person{}, domain.ErrNotFound
	}
	if err != nil {
		return Person{}, fmt.Errorf("identity: holder: %w", err)
	}
	if err := p.write(ctx, func(c *change) error {
		c.record(AuditRecord{Kind: AuditIdentityLookedUp, Account: account, Actor: by})
		return nil
	}); err != nil {
		return Person{}, err
	}
	return p.Person(ctx, account)
}

// FindPerson finds an account by its login name or phone, for who grants roles.
func (p *Provider) FindPerson(ctx context.Context, loginOrPhone string) (Person, error) {
	return p.person(ctx, `(a.login = $1 OR a.phone = $1)`, normalLogin(loginOrPhone))
}

// Names answers the names of those of the accounts that are there; an erased one has none.
func (p *Provider) Names(ctx context.Context, accounts []string) (map[string]string, error) {
	out := make(map[string]string, len(accounts))
	for _, id := range accounts {
		var name string
		err := p.reader.QueryRowContext(ctx, `SELECT name FROM accounts WHERE id = $1 AND erased_at = 0`, id).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("identity: names: %w", err)
		}
		out[id] = name
	}
	return out, nil
}

// PersonQuery looks for people. Text is a login name, a phone or an e-mail address in full, or the beginning of a
// name; empty finds everybody.
type PersonQuery struct {
	Text  string
	After string // account id of the last one of the page before
	Limit int    // 1–200, 20 when zero
}

// People lists people by account id, without their identity numbers.
func (p *Provider) People(ctx context.Context, q PersonQuery) ([]Person, error) {
	text := strings.TrimSpace(q.Text)
	rows, err := p.reader.QueryContext(ctx, `SELECT id, name, coalesce(phone, ''), email, verified_at <> 0, disabled_at <> 0 FROM accounts
		WHERE erased_at = 0 AND id > $1 AND ($2 = '' OR login = $3 OR phone = $2 OR email = $2 OR substr(name, 1, length($2)) = $2)
		ORDER BY id LIMIT $4`, q.After, text, normalLogin(text), min(max(or(q.Limit, 20), 1), 200))
	if err != nil {
		return nil, fmt.Errorf("identity: people: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	out := []Person{}
	for rows.Next() {
		var one Person
		if err := rows.Scan(&one.Account, &one.Name, &one.Phone, &one.Email, &one.Verified, &one.Disabled); err != nil {
			return nil, fmt.Errorf("identity: people: %w", err)
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

func (p *Provider) person(ctx context.Context, where, arg string) (Person, error) {
	var out Person
	var verified, disabled int64
	var sealed []byte
	err := p.reader.QueryRowContext(ctx, personColumns+where, arg).
		Scan(&out.Account, &out.Name, &out.Phone, &out.Email, &verified, &disabled, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return Person{}, domain.ErrNotFound
	}
	if err != nil {
		return Person{}, fmt.Errorf("identity: person: %w", err)
	}
	out.Verified, out.Disabled = verified != 0, disabled != 0
	if sealed != nil {
		plain, err := p.keys.opened(sealed, "id number "+out.Account)
		if err != nil {
			return Person{}, err
		}
		out.IDNumber = string(plain)
	}
	return out, nil
}

// Identify corrects an account's name and identity number, as long as they have not been verified. by is the id of
// who does it.
func (p *Provider) Identify(ctx context.Context, account, name, idNumber, by string) error {
	name, idNumber = strings.Join(strings.Fields(name), " "), normalIDNumber(idNumber)
	if faults := p.personFaults(name, idNumber); len(faults) > 0 {
		return domain.ErrInvalid.WithFaults(faults...)
	}
	verified, err := p.verifyPerson(ctx, name, idNumber)
	if err != nil {
		return err
	}
	return p.write(ctx, func(c *change) error {
		if err := notFrozen(ctx, c, account); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, `UPDATE accounts SET name = $1 WHERE id = $2`, name, account); err != nil {
			return fmt.Errorf("identity: name: %w", err)
		}
		if err := p.putIDNumber(ctx, c.querier, account, idNumber); err != nil {
			return err
		}
		if verified {
			if err := p.freeze(ctx, c, account); err != nil {
				return err
			}
		}
		c.record(AuditRecord{Kind: AuditIdentityChanged, Account: account, Actor: by, Detail: "corrected"})
		return revokeAccount(ctx, c.querier, account)
	})
}

// Verify notes that somebody has checked the name and the identity number; from then on they cannot change.
func (p *Provider) Verify(ctx context.Context, account, by string) error {
	return p.write(ctx, func(c *change) error {
		err := notFrozen(ctx, c, account)
		if errors.Is(err, ErrIdentityFrozen) {
			return nil
		}
		if err != nil {
			return err
		}
		c.record(AuditRecord{Kind: AuditIdentityChanged, Account: account, Actor: by, Detail: "verified"})
		return p.freeze(ctx, c, account)
	})
}

func (p *Provider) freeze(ctx context.Context, c *change, account string) error {
	if _, err := c.ExecContext(ctx, `UPDATE accounts SET verified_at = $1 WHERE id = $2`, millis(p.now()), account); err != nil {
		return fmt.Errorf("identity: verify: %w", err)
	}
	return nil
}

func notFrozen(ctx context.Context, c *change, account string) error {
	var verified int64
	err := c.QueryRowContext(ctx, `SELECT verified_at FROM accounts WHERE id = $1 AND erased_at = 0`, account).Scan(&verified)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return domain.ErrNotFound
	case err != nil:
		return fmt.Errorf("identity: account: %w", err)
	case verified != 0:
		return ErrIdentityFrozen
	}
	return nil
}
