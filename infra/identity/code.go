package identity

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"zhiping/domain"
	"zhiping/domain/text"
	"zhiping/infra/identity/sender"
)

// Purpose is what a one-time code is for; a code for one serves no other.
type Purpose string

// The purposes of a one-time code.
const (
	PurposeRegister Purpose = "register"
	PurposeReset    Purpose = "reset"
)

// CodeRequest asks for a one-time code.
type CodeRequest struct {
	Phone     string
	Purpose   Purpose
	CaptchaID string
	Captcha   string
	Address   string
	UserAgent string
}

const (
	codeLife  = 5 * time.Minute
	codeTries = 5
)

// The limits on sending codes, which cost money and annoy their receivers: a stranger who asks for somebody's codes
// uses up the pair's hour long before the phone's.
var (
	codeMinute  = quota{"code minute", 1, time.Minute}
	codePair    = quota{"code pair", 5, time.Hour}
	codePhone   = quota{"code phone", 10, time.Hour}
	codeAddress = quota{"code address", 60, time.Hour}
)

var sixDigits = regexp.MustCompile(`^[0-9]{6}$`)

// SendCode sends a one-time code. The answer is the same, and takes the same work, whether or not the phone has an
// account: to register, somebody who has one is told so by the message, and to reset, a phone without one gets none.
func (p *Provider) SendCode(ctx context.Context, r CodeRequest) error {
	if p.cfg.External {
		return ErrSignInElsewhere
	}
	r.Phone = strings.Clone(strings.TrimSpace(r.Phone)) // outlives the request, whose buffers are used again
	var faults []domain.Fault
	if p.cfg.CheckPhone(r.Phone) != nil {
		faults = append(faults, fault("body.phone", "phone", nil))
	}
	if r.Purpose != PurposeRegister && r.Purpose != PurposeReset {
		faults = append(faults, fault("body.purpose", "one_of", text.Args{"values": "register, reset"}))
	}
	if len(faults) > 0 {
		return domain.ErrInvalid.WithFaults(faults...)
	}
	if p.cfg.Captcha != CaptchaOff {
		if err := p.spendCaptcha(ctx, r.CaptchaID, r.Captcha); err != nil {
			return err
		}
	}
	account, err := p.accountBy(ctx, r.Phone)
	if err != nil {
		return err
	}
	n, err := p.below(1_000_000)
	if err != nil {
		return err
	}
	code := fmt.Sprintf("%06d", n)
	message, err := p.codeMessage(r, account.ID != "", code)
	if err != nil {
		return err
	}
	err = p.write(ctx, func(c *change) error {
		return p.keepCode(ctx, c, r, account.ID, code, message)
	})
	if err != nil || message.ID == "" {
		return err
	}
	select {
	case p.outgoing <- message:
		return nil
	default: // a gateway that is down; better said than waited for
		return after(ErrBusy, 10*time.Second)
	}
}

// codeMessage is what is sent, or no message, which has no id.
func (p *Provider) codeMessage(r CodeRequest, exists bool, code string) (sender.Message, error) {
	id, err := p.random(12)
	m := sender.Message{ID: id, Phone: r.Phone, Kind: "code." + string(r.Purpose), Args: text.Args{"code": code, "minutes": int(codeLife.Minutes())}}
	switch {
	case r.Purpose == PurposeRegister && exists:
		m.Kind, m.Args = "account.exists", nil
	case r.Purpose == PurposeReset && !exists:
		return sender.Message{}, err
	}
	m.Subject, m.Body = text.Of("message."+m.Kind+".subject", nil), text.Of("message."+m.Kind, m.Args)
	return m, err
}

// keepCode stores the code under a keyed hash, in place of an earlier one. When the message does not carry it, what
// is stored is the hash of nothing that anybody could type.
func (p *Provider) keepCode(ctx context.Context, c *change, r CodeRequest, account, code string, m sender.Message) error {
	net := network(r.Address)
	for _, q := range []struct {
		quota
		key string
	}{{codeMinute, r.Phone}, {codePair, r.Phone + " " + net}, {codePhone, r.Phone}, {codeAddress, net}} {
		if err := p.spend(ctx, c, q.quota, q.key); err != nil {
			if wait, ok := RetryAfter(err); ok {
				return after(ErrCodeTooSoon, wait)
			}
			return err
		}
	}
	hash := p.codeHash(r.Phone, r.Purpose, code)
	if m.ID == "" || m.Args == nil {
		if _, err := io.ReadFull(p.cfg.Rand, hash); err != nil {
			return fmt.Errorf("identity: random bytes: %w", err)
		}
	}
	_, err := c.ExecContext(ctx, `INSERT INTO codes (phone, purpose, hash, tries, expires_at) VALUES ($1,$2,$3,0,$4)
		ON CONFLICT (phone, purpose) DO UPDATE SET hash = excluded.hash, tries = 0, expires_at = excluded.expires_at`,
		p.phoneKey(r.Phone), string(r.Purpose), hash, millis(p.now().Add(codeLife)))
	if err != nil {
		return fmt.Errorf("identity: code: %w", err)
	}
	c.record(AuditRecord{Kind: AuditCodeSent, Account: account, Address: r.Address, Agent: r.UserAgent, Detail: string(r.Purpose)})
	return nil
}

func (p *Provider) phoneKey(phone string) []byte { return mac(p.keys.blind, "phone", phone) }

func (p *Provider) codeHash(phone string, purpose Purpose, code string) []byte {
	return mac(p.keys.code, "code", phone, string(purpose), code)
}

// tryCode uses up one of a code's tries, for good whatever happens next, and tells whether it was right. Wrong ones
// are braked like wrong passwords: five tries a code are no limit for who can ask for many codes.
func (p *Provider) tryCode(ctx context.Context, phone string, purpose Purpose, code string, about AuditRecord) error {
	try, err := p.attempt(ctx, "code "+phone, about.Address)
	if err != nil {
		return err
	}
	wait, _, err := p.gate(ctx, try)
	if err != nil {
		return err
	}
	if wait > 0 {
		return after(ErrLockedOut, wait)
	}
	right := false
	err = p.write(ctx, func(c *change) error {
		var hash []byte
		err := c.QueryRowContext(ctx, `UPDATE codes SET tries = tries + 1 WHERE phone = $1 AND purpose = $2 AND tries < $3 AND expires_at > $4
			RETURNING hash`, p.phoneKey(phone), string(purpose), codeTries, p.now().UnixMilli()).Scan(&hash)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("identity: code: %w", err)
		}
		if right = err == nil && hmac.Equal(hash, p.codeHash(phone, purpose, code)); right {
			return nil
		}
		about.Kind, about.Detail = AuditCodeFailed, string(purpose)
		c.record(about)
		_, err = p.failed(ctx, c, try)
		return err
	})
	if err != nil || right {
		return err
	}
	return ErrCodeWrong
}

// spendCode takes a right code away in the transaction that it is good for. Of two that bring it, one comes second.
func (p *Provider) spendCode(ctx context.Context, c *change, phone string, purpose Purpose, code string) error {
	res, err := c.ExecContext(ctx, `DELETE FROM codes WHERE phone = $1 AND purpose = $2 AND hash = $3`,
		p.phoneKey(phone), string(purpose), p.codeHash(phone, purpose, code))
	if err != nil {
		return fmt.Errorf("identity: code: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return ErrCodeWrong
	}
	return nil
}
