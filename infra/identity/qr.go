package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	goqr "github.com/piglig/go-qr"
)

// QRTicket is what a desktop shows to be signed in by a phone. Secret stays with the browser that asked, in a
// cookie of its own: who only photographs the code cannot collect the session.
type QRTicket struct {
	Ticket    string    `json:"ticket"`
	URL       string    `json:"url"`
	Image     string    `json:"image"` // PNG data URI
	ExpiresAt time.Time `json:"expiresAt"`
	Secret    string    `json:"-"`
}

// QRStatus is where a ticket stands.
type QRStatus string

// The statuses of a ticket. One that has given its session is expired.
const (
	QRPending   QRStatus = "pending"
	QRScanned   QRStatus = "scanned"
	QRConfirmed QRStatus = "confirmed"
	QRExpired   QRStatus = "expired"
)

// QRPoll answers a desktop's poll. Session is there once, in the first poll after the confirmation.
type QRPoll struct {
	Status  QRStatus
	Session *Session
}

// QRPrompt is what the phone shows before it confirms, so that nobody signs in a stranger's desktop.
type QRPrompt struct {
	Address string    `json:"address"`
	Agent   string    `json:"userAgent"`
	AskedAt time.Time `json:"askedAt"`
}

const qrLife = 2 * time.Minute

// StartQR makes a ticket for a desktop.
func (p *Provider) StartQR(ctx context.Context, address, agent string) (QRTicket, error) {
	if p.cfg.External {
		return QRTicket{}, ErrSignInElsewhere
	}
	ticket, err := p.random(24)
	if err != nil {
		return QRTicket{}, err
	}
	secret, err := p.random(32)
	if err != nil {
		return QRTicket{}, err
	}
	now := p.now()
	t := QRTicket{Ticket: ticket, Secret: secret, URL: strings.TrimRight(p.cfg.BaseURL, "/") + "/qr/" + ticket, ExpiresAt: now.Add(qrLife)}
	code, err := goqr.EncodeText(t.URL, goqr.Medium)
	if err != nil {
		return QRTicket{}, fmt.Errorf("identity: qr: %w", err)
	}
	png, err := code.ToPNGBytes(goqr.NewQrCodeImgConfig(6, 4))
	if err != nil {
		return QRTicket{}, fmt.Errorf("identity: qr: %w", err)
	}
	t.Image = "data:image/png;base64," + base64.StdEncoding.EncodeToString(png)
	err = p.write(ctx, func(c *change) error {
		if err := p.spend(ctx, c, quota{"qr", p.cfg.Networks.Tickets, time.Minute}, network(address)); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, `INSERT INTO qr_tickets (id, secret, status, address, agent, created_at, expires_at) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
			digest(ticket), digest(secret), string(QRPending), clip(address, 64), clip(agent, 256), millis(now), millis(t.ExpiresAt))
		if err != nil {
			return fmt.Errorf("identity: qr: %w", err)
		}
		return nil
	})
	return t, err
}

// PollQR tells the browser that asked where its ticket stands. To everybody else a ticket is expired.
func (p *Provider) PollQR(ctx context.Context, ticket, secret string) (QRPoll, error) {
	var status QRStatus
	var want []byte
	err := p.reader.QueryRowContext(ctx, `SELECT status, secret FROM qr_tickets WHERE id = $1 AND expires_at > $2`, digest(ticket), p.now().UnixMilli()).Scan(&status, &want)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !hmac.Equal(want, digest(secret)) {
		return QRPoll{Status: QRExpired}, nil
	}
	if err != nil {
		return QRPoll{}, fmt.Errorf("identity: qr: %w", err)
	}
	if status != QRConfirmed {
		return QRPoll{Status: status}, nil
	}
	poll := QRPoll{Status: QRExpired}
	err = p.write(ctx, func(c *change) error {
		var account, session, name, address, agent string
		// Taking the ticket away is what makes the session come once.
		err := c.QueryRowContext(ctx, `DELETE FROM qr_tickets WHERE id = $1 AND status = $2 AND secret = $3
			RETURNING account_id, session_id, address, agent`, digest(ticket), string(QRConfirmed), want).Scan(&account, &session, &address, &agent)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("identity: qr: %w", err)
		}
		// Ending a session takes its tickets away; one that lay idle or came to its end has only run out.
		now := p.now()
		err = c.QueryRowContext(ctx, `SELECT a.name FROM accounts a JOIN sessions s ON s.account_id = a.id
			WHERE a.id = $1 AND a.disabled_at = 0 AND s.id = $2 AND s.expires_at > $3 AND s.seen_at > $4`,
			account, session, millis(now), millis(now.Add(-p.cfg.IdleTTL))).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("identity: qr: %w", err)
		}
		s, err := p.newSession(ctx, c, account, name, "qr", address, agent, nil)
		poll = QRPoll{Status: QRConfirmed, Session: &s}
		return err
	})
	if err != nil {
		return QRPoll{}, err
	}
	return poll, nil
}

// ScanQR claims a ticket for a signed-in account and answers what to ask its owner. The same account may scan
// again; a second one finds it expired.
func (p *Provider) ScanQR(ctx context.Context, account, ticket string) (QRPrompt, error) {
	var prompt QRPrompt
	err := p.write(ctx, func(c *change) error {
		var created int64
		err := c.QueryRowContext(ctx, `UPDATE qr_tickets SET status = $1, account_id = $2 WHERE id = $3 AND expires_at > $4
			AND (status = $5 OR status = $1 AND account_id = $2) RETURNING address, agent, created_at`,
			string(QRScanned), account, digest(ticket), p.now().UnixMilli(), string(QRPending)).Scan(&prompt.Address, &prompt.Agent, &created)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrQRExpired
		}
		if err != nil {
			return fmt.Errorf("identity: qr: %w", err)
		}
		prompt.AskedAt = fromMillis(created)
		c.record(AuditRecord{Kind: AuditQRScanned, Account: account, Address: prompt.Address, Agent: prompt.Agent})
		return nil
	})
	return prompt, err
}

// ConfirmQR lets the desktop of a scanned ticket in. Only the account that scanned may confirm, once. The confirmation
// is as good as the session, by its id, that it comes from: when that ends first, the desktop stays out.
func (p *Provider) ConfirmQR(ctx context.Context, account, session, ticket string) error {
	return p.write(ctx, func(c *change) error {
		var status QRStatus
		var owner, address, agent string
		err := c.QueryRowContext(ctx, `SELECT status, account_id, address, agent FROM qr_tickets WHERE id = $1 AND expires_at > $2`,
			digest(ticket), p.now().UnixMilli()).Scan(&status, &owner, &address, &agent)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrQRExpired
		case err != nil:
			return fmt.Errorf("identity: qr: %w", err)
		case status == QRPending:
			return ErrQRNotScanned
		case status != QRScanned || owner != account:
			return ErrQRExpired
		}
		if _, err := c.ExecContext(ctx, `UPDATE qr_tickets SET status = $1, session_id = $2 WHERE id = $3`, string(QRConfirmed), session, digest(ticket)); err != nil {
			return fmt.Errorf("identity: qr: %w", err)
		}
		c.record(AuditRecord{Kind: AuditQRConfirmed, Account: account, Address: address, Agent: agent})
		return nil
	})
}

// endTickets takes away the tickets that an account has scanned, in the transaction that ends what they stand on.
func endTickets(ctx context.Context, c *change, account string) error {
	if _, err := c.ExecContext(ctx, `DELETE FROM qr_tickets WHERE account_id <> '' AND account_id = $1`, account); err != nil {
		return fmt.Errorf("identity: end tickets: %w", err)
	}
	return nil
}

// digest hashes a random secret, which needs no key.
func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
