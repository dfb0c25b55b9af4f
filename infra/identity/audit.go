package identity

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// AuditKind is what an audit record tells of.
type AuditKind string

// The kinds of audit record.
const (
	AuditSignIn           AuditKind = "sign_in"
	AuditSignInFailed     AuditKind = "sign_in_failed"
	AuditLockedOut        AuditKind = "locked_out"
	AuditCaptchaFailed    AuditKind = "captcha_failed"
	AuditSignOut          AuditKind = "sign_out"
	AuditSessionEnded     AuditKind = "session_ended"
	AuditCodeSent         AuditKind = "code_sent"
	AuditCodeFailed       AuditKind = "code_failed"
	AuditRegistered       AuditKind = "registered"
	AuditPasswordReset    AuditKind = "password_reset"
	AuditPasswordChanged  AuditKind = "password_changed"
	AuditQRScanned        AuditKind = "qr_scanned"
	AuditQRConfirmed      AuditKind = "qr_confirmed"
	AuditIdentityChanged  AuditKind = "identity_changed"
	AuditIdentityLookedUp AuditKind = "identity_looked_up"
	AuditAccountSeeded    AuditKind = "account_seeded"
	AuditAccountDisabled  AuditKind = "account_disabled"
	AuditAccountEnabled   AuditKind = "account_enabled"
	AuditAccountErased    AuditKind = "account_erased"
	AuditGranted          AuditKind = "granted"
	AuditGrantRevoked     AuditKind = "grant_revoked"
)

// AuditRecord is one thing that happened to an account, or was tried. It never holds what was typed: people type
// passwords into the account field.
type AuditRecord struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Kind    AuditKind `json:"kind"`
	Account string    `json:"account,omitempty"` // id; empty when there is no such account
	Actor   string    `json:"actor,omitempty"`   // id of who did it, when that is somebody else
	Address string    `json:"address,omitempty"`
	Agent   string    `json:"userAgent,omitempty"`
	Detail  string    `json:"detail,omitempty"` // a short code: the method, the reason
}

// AuditQuery selects audit records, newest first. Zero fields do not select.
type AuditQuery struct {
	Account string
	Actor   string // who did it, when that is somebody else than the account
	Kind    AuditKind
	Address string
	From    time.Time // included
	To      time.Time // excluded
	Before  int64     // records with a smaller id: the last one of the page before
	Limit   int       // 1–200, 20 when zero
}

// Audit lists audit records.
func (p *Provider) Audit(ctx context.Context, q AuditQuery) ([]AuditRecord, error) {
	where, args := []string{"TRUE"}, []any{}
	add := func(on bool, condition string, arg any) {
		if on {
			args = append(args, arg)
			where = append(where, condition+" $"+strconv.Itoa(len(args)))
		}
	}
	add(q.Account != "", "account_id =", q.Account)
	add(q.Actor != "", "actor_id <> '' AND actor_id =", q.Actor)
	add(q.Kind != "", "kind =", string(q.Kind))
	add(q.Address != "", "address =", q.Address)
	add(!q.From.IsZero(), "at >=", q.From.UnixMilli())
	add(!q.To.IsZero(), "at <", q.To.UnixMilli())
	add(q.Before > 0, "id <", q.Before)
	args = append(args, min(max(or(q.Limit, 20), 1), 200))
	rows, err := p.reader.QueryContext(ctx, `SELECT id, at, kind, account_id, actor_id, address, agent, detail FROM audit
		WHERE `+strings.Join(where, " AND ")+` ORDER BY id DESC LIMIT $`+strconv.Itoa(len(args)), args...) // #nosec G202 -- conditions are constants above
	if err != nil {
		return nil, fmt.Errorf("identity: audit: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	var out []AuditRecord
	for rows.Next() {
		var r AuditRecord
		var at int64
		if err := rows.Scan(&r.ID, &at, &r.Kind, &r.Account, &r.Actor, &r.Address, &r.Agent, &r.Detail); err != nil {
			return nil, fmt.Errorf("identity: audit: %w", err)
		}
		r.At = fromMillis(at)
		out = append(out, r)
	}
	return out, rows.Err()
}

// record adds an audit record to the change.
func (c *change) record(r AuditRecord) { c.records = append(c.records, r) }

func (p *Provider) store(ctx context.Context, tx querier, r *AuditRecord) error {
	r.At = p.now()
	r.Agent = clip(r.Agent, 256)
	r.Address = clip(r.Address, 64)
	err := tx.QueryRowContext(ctx, `INSERT INTO audit (at, kind, account_id, actor_id, address, agent, detail) VALUES ($1,$2,$3,$4,$5,$6,$7) RETURNING id`,
		r.At.UnixMilli(), string(r.Kind), r.Account, r.Actor, r.Address, r.Agent, r.Detail).Scan(&r.ID)
	if err != nil {
		return fmt.Errorf("identity: audit: %w", err)
	}
	return nil
}

func (p *Provider) log(ctx context.Context, r AuditRecord) {
	level := slog.LevelInfo
	switch r.Kind {
	case AuditLockedOut:
		level = slog.LevelWarn
	case AuditAccountSeeded: // the demo's, at its start
		level = slog.LevelDebug
	}
	p.cfg.Logger.LogAttrs(ctx, level, "identity", slog.String("kind", string(r.Kind)), slog.String("account", r.Account),
		slog.String("actor", r.Actor), slog.String("address", r.Address), slog.String("detail", r.Detail))
}

// clip shortens without cutting a character in two.
func clip(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "")
	}
	return strings.ToValidUTF8(s[:n], "")
}
