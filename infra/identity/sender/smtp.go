package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// SMTPConfig names a mail server.
type SMTPConfig struct {
	Host     string
	Port     int // 587 when zero
	Username string
	Password string
	From     string // e.g. 职评 <noreply@example.org>
	// Gateway is the mail domain of an SMS gateway, for people known by their phone only: the message goes to
	// <phone>@<gateway>. Empty when there is none.
	Gateway string
	// TLS is "mandatory" (the default: STARTTLS or nothing), "implicit" (TLS from the first byte) or "none".
	TLS       string
	TLSConfig *tls.Config // roots and names other than the system's; nil for the usual
	Clock     func() time.Time
}

// SMTP sends messages by e-mail.
type SMTP struct {
	cfg    SMTPConfig
	client *mail.Client
}

// ErrNoAddress says that the person has no address that this sender can reach.
var ErrNoAddress = errors.New("sender: no address for this person")

// NewSMTP checks the configuration. It does not connect yet.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	if cfg.Port == 0 {
		cfg.Port = 587
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if err := mail.NewMsg().From(cfg.From); err != nil {
		return nil, fmt.Errorf("smtp: sender address: %w", err)
	}
	opts := []mail.Option{mail.WithPort(cfg.Port), mail.WithTimeout(10 * time.Second)}
	switch cfg.TLS {
	case "", "mandatory":
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	case "implicit":
		opts = append(opts, mail.WithSSL())
	case "none":
		if cfg.Username != "" {
			return nil, errors.New("smtp: a password is never sent without TLS")
		}
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	default:
		return nil, fmt.Errorf("smtp: TLS mode %q is not one of mandatory, implicit, none", cfg.TLS)
	}
	if cfg.TLSConfig != nil {
		opts = append(opts, mail.WithTLSConfig(cfg.TLSConfig))
	}
	if cfg.Username != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(cfg.Username), mail.WithPassword(cfg.Password))
	}
	client, err := mail.NewClient(cfg.Host, opts...)
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	return &SMTP{cfg: cfg, client: client}, nil
}

// Send delivers one message over a connection of its own.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	to := m.Email
	if to == "" && m.Phone != "" && s.cfg.Gateway != "" {
		to = m.Phone + "@" + s.cfg.Gateway
	}
	if to == "" {
		return ErrNoAddress
	}
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(s.cfg.From), msg.To(to)); err != nil {
		return fmt.Errorf("smtp: address: %w", err)
	}
	msg.Subject(oneLine(m.Subject.ZH))
	msg.SetDateWithValue(s.cfg.Clock())
	msg.SetMessageIDWithValue(oneLine(m.ID) + "@zhiping")
	body := m.Body.ZH
	if m.Body.EN != "" && m.Body.EN != body {
		body += "\n\n" + m.Body.EN
	}
	msg.SetBodyString(mail.TypeTextPlain, body)
	if err := s.client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	return nil
}

// oneLine keeps a value from becoming two headers.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
