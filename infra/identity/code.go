package identity

import (
	"context"
	"fmt"
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

const codeLife = 5 * time.Minute

// The limits on sending codes, which cost money and annoy their receivers. What strangers may have sent to a phone is
// apart from what the networks may that its owner has signed in from; and of the strangers' part most is for networks
// that ask for the first time, so that two of them do not use up the hour of an owner who is somewhere new.
var (
	codeMinute = quota{"code minute", 1, time.Minute} // of a phone and a network
	codePair   = quota{"code pair", 5, time.Hour}     // of the same
	codeFirst  = quota{"code first", 8, time.Hour}    // of a phone: each network's first
	codeAgain  = quota{"code again", 4, time.Hour}    // of a phone: the others
	codeKnown  = quota{"code known", 10, time.Hour}   // of a phone, from the owner's networks
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
	if err := p.post.reserve(); err != nil { // before anything is spent, or looked at
		return err
	}
	m, err := p.codeFor(ctx, r)
	if err != nil || m.ID == "" {
		p.post.leave()
		return err
	}
	p.post.hand(outgoing{m, p.now().Add(codeLife)})
	return nil
}

// codeFor makes a code, keeps it, and answers the message that brings it; none, which has no id, where nobody gets one.
func (p *Provider) codeFor(ctx context.Context, r CodeRequest) (sender.Message, error) {
	if p.cfg.Captcha != CaptchaOff {
		if err := p.spendCaptcha(ctx, r.CaptchaID, r.Captcha); err != nil {
			return sender.Message{}, err
		}
	}
	account, err := p.accountBy(ctx, r.Phone)
	if err != nil {
		return sender.Message{}, err
	}
	n, err := p.below(1_000_000)
	if err != nil {
		return sender.Message{}, err
	}
	code := fmt.Sprintf("%06d", n)
	message, err := p.codeMessage(r, account.ID != "", code)
	if err != nil {
		return sender.Message{}, err
	}
	return message, p.write(ctx, func(c *change) error { return p.keepCode(ctx, c, r, account.ID, code, message) })
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
