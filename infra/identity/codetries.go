package identity

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"zhiping/infra/identity/sender"
)

// The tries of a code. The network that asked for it and those that the phone's owner has signed in from have five
// each, and all other networks together have five more, for an owner who has changed networks since: nobody elsewhere
// uses up the owner's. With the limits on sending, strangers have some 120 guesses an hour at one phone's codes, each
// hour at the price of twelve captchas and twelve messages that the owner sees, and are right once in a year.
const (
	codeTries     = 5
	strangerTries = 5
)

// keepCode stores the code under a keyed hash, in place of an earlier one for the same network. When the message does
// not carry it, what is stored is the hash of nothing that anybody could type.
func (p *Provider) keepCode(ctx context.Context, c *change, r CodeRequest, account, code string, m sender.Message) error {
	net := network(r.Address)
	if err := p.spendCodes(ctx, c, r.Phone, net, account); err != nil {
		if wait, ok := RetryAfter(err); ok {
			return after(ErrCodeTooSoon, wait)
		}
		return err
	}
	hash := p.codeHash(r.Phone, r.Purpose, code)
	if m.ID == "" || m.Args == nil {
		if _, err := io.ReadFull(p.cfg.Rand, hash); err != nil {
			return fmt.Errorf("identity: random bytes: %w", err)
		}
	}
	_, err := c.ExecContext(ctx, `INSERT INTO sent_codes (phone, purpose, asker, hash, strangers, expires_at) VALUES ($1,$2,$3,$4,0,$5)
		ON CONFLICT (phone, purpose, asker) DO UPDATE SET hash = excluded.hash, strangers = 0, expires_at = excluded.expires_at`,
		p.phoneKey(r.Phone), string(r.Purpose), net, hash, millis(p.now().Add(codeLife)))
	if err != nil {
		return fmt.Errorf("identity: code: %w", err)
	}
	c.record(AuditRecord{Kind: AuditCodeSent, Account: account, Address: r.Address, Agent: r.UserAgent, Detail: string(r.Purpose)})
	return nil
}

// spendCodes counts a message to a phone against all limits, or says how long to wait.
func (p *Provider) spendCodes(ctx context.Context, c *change, phone, net, account string) error {
	known, err := p.knows(ctx, c.querier, account, net)
	if err != nil {
		return err
	}
	if err := p.spend(ctx, c, codeMinute, phone+" "+net); err != nil {
		return err
	}
	n, err := p.use(ctx, c, codePair, phone+" "+net)
	if err != nil {
		return err
	}
	pool := codeAgain
	switch {
	case known:
		pool = codeKnown
	case n == 1:
		pool = codeFirst
	}
	if err := p.spend(ctx, c, pool, phone); err != nil {
		return err
	}
	return p.spend(ctx, c, quota{"code address", p.cfg.Networks.Codes, time.Hour}, net)
}

func (p *Provider) phoneKey(phone string) []byte { return mac(p.keys.blind, "phone", phone) }

func (p *Provider) codeHash(phone string, purpose Purpose, code string) []byte {
	return mac(p.keys.code, "code", phone, string(purpose), code)
}

// tryCode uses up a try, for good whatever happens next, and tells whether the code was right. Wrong ones are braked
// like wrong passwords, by the network that they come from.
func (p *Provider) tryCode(ctx context.Context, phone string, purpose Purpose, code string, about AuditRecord) error {
	try, err := p.attempt(ctx, "code "+phone, about.Address)
	if err != nil {
		return err
	}
	try.limited = true
	wait, _, err := p.gate(ctx, try)
	if err != nil {
		return err
	}
	if wait > 0 {
		return after(ErrLockedOut, wait)
	}
	account, err := p.accountBy(ctx, phone)
	if err != nil {
		return err
	}
	right := false
	err = p.write(ctx, func(c *change) error {
		if right, err = p.matchCode(ctx, c, phone, purpose, code, account.ID, network(about.Address)); err != nil || right {
			return err
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

// sentCode is a code that lives.
type sentCode struct {
	asker     string
	hash      []byte
	strangers int
}

// matchCode holds what was typed against every code of the phone that this network has a try left at, and counts the try.
func (p *Provider) matchCode(ctx context.Context, c *change, phone string, purpose Purpose, code, account, net string) (bool, error) {
	live, err := p.liveCodes(ctx, c, phone, purpose)
	if err != nil {
		return false, err
	}
	known, err := p.knows(ctx, c.querier, account, net)
	if err != nil {
		return false, err
	}
	want, right := p.codeHash(phone, purpose, code), false
	for _, s := range live {
		if known || s.asker == net {
			err := p.spend(ctx, c, quota{"code tries", codeTries, codeLife}, hex.EncodeToString(s.hash)+" "+net)
			if errors.Is(err, ErrTooMany) {
				continue
			}
			if err != nil {
				return false, err
			}
		} else if s.strangers >= strangerTries {
			continue
		} else if _, err := c.ExecContext(ctx, `UPDATE sent_codes SET strangers = strangers + 1 WHERE phone = $1 AND purpose = $2 AND asker = $3`,
			p.phoneKey(phone), string(purpose), s.asker); err != nil {
			return false, fmt.Errorf("identity: code: %w", err)
		}
		right = right || hmac.Equal(s.hash, want)
	}
	return right, nil
}

func (p *Provider) liveCodes(ctx context.Context, c *change, phone string, purpose Purpose) ([]sentCode, error) {
	rows, err := c.QueryContext(ctx, `SELECT asker, hash, strangers FROM sent_codes WHERE phone = $1 AND purpose = $2 AND expires_at > $3`,
		p.phoneKey(phone), string(purpose), p.now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("identity: code: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	var out []sentCode
	for rows.Next() {
		var s sentCode
		if err := rows.Scan(&s.asker, &s.hash, &s.strangers); err != nil {
			return nil, fmt.Errorf("identity: code: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// spendCode takes a right code away in the transaction that it is good for, and with it the phone's others for the
// same purpose. Of two that bring it, one comes second.
func (p *Provider) spendCode(ctx context.Context, c *change, phone string, purpose Purpose, code string) error {
	res, err := c.ExecContext(ctx, `DELETE FROM sent_codes WHERE phone = $1 AND purpose = $2 AND EXISTS
		(SELECT 1 FROM sent_codes s WHERE s.phone = $1 AND s.purpose = $2 AND s.hash = $3)`,
		p.phoneKey(phone), string(purpose), p.codeHash(phone, purpose, code))
	if err != nil {
		return fmt.Errorf("identity: code: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return ErrCodeWrong
	}
	return nil
}
