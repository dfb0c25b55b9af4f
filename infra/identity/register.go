package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"zhiping/domain"
	"zhiping/domain/text"
)

// RegisterRequest asks for an account.
type RegisterRequest struct {
	Phone     string
	Code      string // as sent for PurposeRegister
	Password  string
	Name      string
	IDNumber  string
	Address   string
	UserAgent string
}

// Register makes an applicant's account for who holds the phone. It does not sign in.
func (p *Provider) Register(ctx context.Context, r RegisterRequest) (User, error) {
	if p.cfg.External {
		return User{}, ErrSignInElsewhere
	}
	r.Phone, r.Code = strings.TrimSpace(r.Phone), strings.TrimSpace(r.Code)
	r.Name, r.IDNumber = strings.Join(strings.Fields(r.Name), " "), normalIDNumber(r.IDNumber)
	if faults := p.registerFaults(r); len(faults) > 0 {
		return User{}, domain.ErrInvalid.WithFaults(faults...)
	}
	about := AuditRecord{Address: r.Address, Agent: r.UserAgent}
	// The code comes first: who cannot prove to hold the phone learns nothing about the identity number.
	if err := p.tryCode(ctx, r.Phone, PurposeRegister, r.Code, about); err != nil {
		return User{}, err
	}
	verified, err := p.verifyPerson(ctx, r.Name, r.IDNumber)
	if err != nil {
		return User{}, err
	}
	hash, err := p.hashes.hash(ctx, r.Password)
	if err != nil {
		return User{}, err
	}
	return p.register(ctx, r, hash, verified, about)
}

// register makes the account in one transaction with the code that it costs.
func (p *Provider) register(ctx context.Context, r RegisterRequest, hash string, verified bool, about AuditRecord) (User, error) {
	var refused error
	account := Account{Name: r.Name, Phone: r.Phone, IDNumber: r.IDNumber, Applicant: true}
	err := p.write(ctx, func(c *change) error {
		if err := p.spendCode(ctx, c, r.Phone, PurposeRegister, r.Code); err != nil {
			return err
		}
		// Whose the number is not, learns one number's standing for one code.
		switch taken, err := p.numberTaken(ctx, c.querier, r.IDNumber); {
		case err != nil:
			return err
		case taken:
			refused = ErrIDNumberTaken
			about.Kind, about.Detail = AuditCodeFailed, ErrIDNumberTaken.Code
			c.record(about)
			return nil
		}
		if err := p.insertAccount(ctx, c, &account, hash); err != nil {
			return err
		}
		if verified {
			if err := p.freeze(ctx, c, account.ID); err != nil {
				return err
			}
		}
		about.Kind, about.Account = AuditRegistered, account.ID
		c.record(about)
		return nil
	})
	if err := errors.Join(err, refused); err != nil {
		return User{}, err
	}
	return p.Me(ctx, account.ID)
}

func (p *Provider) registerFaults(r RegisterRequest) []domain.Fault {
	var faults []domain.Fault
	if p.cfg.CheckPhone(r.Phone) != nil {
		faults = append(faults, fault("body.phone", "phone", nil))
	}
	if !sixDigits.MatchString(r.Code) {
		faults = append(faults, fault("body.code", "code_shape", nil))
	}
	faults = append(faults, checkPolicy("body.password", r.Password, r.Phone, birthdayOf(r.IDNumber))...)
	return append(faults, p.personFaults(r.Name, r.IDNumber)...)
}

// personFaults checks a name and an identity number, in their normal form.
func (p *Provider) personFaults(name, number string) []domain.Fault {
	var faults []domain.Fault
	if !personName(name) {
		faults = append(faults, fault("body.name", "person_name", text.Args{"max": longestName}))
	}
	if p.cfg.CheckIDNumber(number) != nil {
		faults = append(faults, fault("body.idNumber", "id_number", nil))
	}
	return faults
}

const longestName = 50

// personName accepts what is a name in some language: letters, and between them a dot, a hyphen, an apostrophe or a
// space.
func personName(s string) bool {
	n := utf8.RuneCountInString(s)
	if n < 2 || n > longestName || !utf8.ValidString(s) {
		return false
	}
	for i, r := range s {
		joint := i > 0 && strings.ContainsRune("··.-' ’", r)
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !joint {
			return false
		}
	}
	return true
}

// birthdayOf is the birthday within an identity number, which is not a password.
func birthdayOf(number string) string {
	if len(number) != 18 {
		return ""
	}
	return number[6:14]
}

// verifyPerson asks the real-name check, when there is one.
func (p *Provider) verifyPerson(ctx context.Context, name, number string) (bool, error) {
	if p.cfg.VerifyPerson == nil {
		return false, nil
	}
	ok, err := p.cfg.VerifyPerson(ctx, name, number)
	if err != nil {
		return false, errors.Join(after(ErrBusy, 30*time.Second), fmt.Errorf("identity: real-name check: %w", err))
	}
	if !ok {
		return false, ErrIdentityUnknown
	}
	return true, nil
}
