package identity

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"zhiping/domain"
)

// Session is what a sign-in answers with. AccessToken is a secret: it is known to the caller only, the database holds
// its hash.
type Session struct {
	AccessToken string    `json:"accessToken"`
	ExpiresAt   time.Time `json:"expiresAt"`
	User        User      `json:"user"`
	CSRF        string    `json:"-"` // what callers with the cookie send as X-CSRF-Token
}

// SessionInfo tells of a session without giving it away.
type SessionInfo struct {
	ID        string    `json:"id"`
	Account   string    `json:"-"`
	Method    string    `json:"method"` // password, qr, oidc
	Address   string    `json:"address"`
	Agent     string    `json:"userAgent"`
	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	CSRF      string    `json:"-"`
}

type tokenHash [sha256.Size]byte

// cached is what Authenticate remembers of a token. It holds as long as the token's epoch in the database is the one that
// was read before the session was: whatever ends a session moves its epoch in the same transaction.
type cached struct {
	actor domain.Actor
	info  SessionInfo
	epoch int64
	until time.Time    // the session's end, or an earlier end of one of its actor's grants
	seen  atomic.Int64 // unix milliseconds
}

const selectSession = `SELECT s.id, s.account_id, s.method, s.address, s.agent, s.created_at, s.seen_at, s.expires_at, a.name
	FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.token = $1 AND a.disabled_at = 0`

// Authenticate tells who a token belongs to. It is asked on every request, so what a token stands for is remembered
// in memory; but every call reads a revocation counter first, and looks the session up again when it has moved: with
// PostgreSQL that is a round trip, which requests that come together share. There are 256 counters, so that people who
// sign out do not make everybody be looked up. A sign-out, a reset password or a revoked role on any node is therefore
// in force for the next request on every other one.
func (p *Provider) Authenticate(ctx context.Context, token string) (domain.Actor, SessionInfo, error) {
	if len(token) != tokenLength {
		return domain.Actor{}, SessionInfo{}, ErrNotSignedIn
	}
	key, now := tokenHash(sha256.Sum256([]byte(token))), p.now()
	epoch, err := p.epochs.of(ctx, int(key[0]))
	if err != nil {
		return domain.Actor{}, SessionInfo{}, err
	}
	c, ok := p.cache.Get(key)
	if !ok || c.epoch != epoch || !now.Before(c.until) || p.idle(c, now) {
		if c, err = p.loadSession(ctx, key, epoch, now); err != nil {
			return domain.Actor{}, SessionInfo{}, err
		}
		c.info.CSRF = p.csrf(token)
		p.cache.Add(key, c)
	}
	if seen := c.seen.Load(); now.UnixMilli()-seen > (p.cfg.IdleTTL/8).Milliseconds() && c.seen.CompareAndSwap(seen, now.UnixMilli()) {
		// On a full disk the session is as good as before; at worst it ends for lying idle, here remembered as used.
		if _, err := p.writer.ExecContext(ctx, `UPDATE sessions SET seen_at = $1 WHERE token = $2`, now.UnixMilli(), key[:]); err != nil && !errors.Is(err, ErrStoreAway) {
			return domain.Actor{}, SessionInfo{}, fmt.Errorf("identity: touch session: %w", err)
		}
	}
	info := c.info
	info.SeenAt = fromMillis(c.seen.Load())
	return c.actor, info, nil
}

func (p *Provider) idle(c *cached, now time.Time) bool {
	return now.UnixMilli()-c.seen.Load() >= p.cfg.IdleTTL.Milliseconds()
}

func (p *Provider) loadSession(ctx context.Context, key tokenHash, epoch int64, now time.Time) (*cached, error) {
	var name string
	info, seen, err := scanSession(p.session.QueryRowContext(ctx, key[:]), &name)
	if errors.Is(err, sql.ErrNoRows) {
		p.cache.Remove(key)
		return nil, ErrNotSignedIn
	}
	if err != nil {
		return nil, fmt.Errorf("identity: session: %w", err)
	}
	c := &cached{info: info, epoch: epoch, until: info.ExpiresAt}
	c.seen.Store(seen)
	if !now.Before(c.until) || p.idle(c, now) {
		p.cache.Remove(key)
		return nil, ErrNotSignedIn
	}
	var until time.Time
	if c.actor, until, err = p.actor(ctx, p.reader.querier, info.Account, name); err != nil {
		return nil, err
	}
	if !until.IsZero() && until.Before(c.until) {
		c.until = until
	}
	return c, nil
}

// scanSession reads the columns of selectSession; name may be left out of the query when extra is empty.
func scanSession(row interface{ Scan(dest ...any) error }, extra ...any) (SessionInfo, int64, error) {
	var s SessionInfo
	var created, seen, expires int64
	err := row.Scan(append([]any{&s.ID, &s.Account, &s.Method, &s.Address, &s.Agent, &created, &seen, &expires}, extra...)...)
	s.CreatedAt, s.SeenAt, s.ExpiresAt = fromMillis(created), fromMillis(seen), fromMillis(expires)
	return s, seen, err
}

// tokenLength is that of 32 random bytes in base64.
const tokenLength = 43

// newSession makes a session with a new token. No caller ever chooses a token, so none can be fixed beforehand.
func (p *Provider) newSession(ctx context.Context, c *change, account, name, method, address, agent string, hint []byte) (Session, error) {
	token, err := p.random(32)
	if err != nil {
		return Session{}, err
	}
	id, err := p.random(12)
	if err != nil {
		return Session{}, err
	}
	now := p.now()
	key := sha256.Sum256([]byte(token))
	s := Session{AccessToken: token, ExpiresAt: now.Add(p.cfg.SessionTTL), CSRF: p.csrf(token)}
	if _, err := c.ExecContext(ctx, `INSERT INTO sessions (token, bucket, id, account_id, method, address, agent, created_at, seen_at, expires_at, hint)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`, key[:], key[0], id, account, method, clip(address, 64), clip(agent, 256), millis(now), millis(now), millis(s.ExpiresAt), hint); err != nil {
		return Session{}, fmt.Errorf("identity: insert session: %w", err)
	}
	if _, err := endSessions(ctx, c, `account_id = $1 AND id NOT IN (SELECT id FROM sessions WHERE account_id = $1
		ORDER BY created_at DESC, seen_at DESC, id LIMIT $2)`, account, p.cfg.Sessions); err != nil {
		return Session{}, err
	}
	if _, err := c.ExecContext(ctx, `INSERT INTO known_networks (account_id, network, seen_at) VALUES ($1,$2,$3)
		ON CONFLICT (account_id, network) DO UPDATE SET seen_at = excluded.seen_at`, account, network(address), millis(now)); err != nil {
		return Session{}, fmt.Errorf("identity: known network: %w", err)
	}
	actor, _, err := p.actor(ctx, c.querier, account, name)
	if err != nil {
		return Session{}, err
	}
	s.User = userOf(actor)
	c.record(AuditRecord{Kind: AuditSignIn, Account: account, Address: address, Agent: agent, Detail: method})
	return s, nil
}

// csrf derives a session's CSRF token from its secret: who cannot read the cookie cannot know it.
func (p *Provider) csrf(token string) string {
	return hex.EncodeToString(mac(p.keys.csrf, token)[:16])
}
