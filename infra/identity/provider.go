package identity

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Provider is the identity provider. It is safe for concurrent use, also by several processes on one database.
type Provider struct {
	cfg     Config
	keys    keys
	dialect dialect
	writer  database
	reader  database // the same as writer in PostgreSQL
	hashes  *hasher
	turns   *turns
	cache   *lru.Cache[tokenHash, *cached]
	actors  *lru.Cache[tokenHash, *cachedActor]
	epochs  epochs
	session statement

	post    post
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Open opens the provider's database, making the file or the tables when they are missing, and starts its goroutines: some
// deliver messages, one sweeps what has expired. Close ends them.
func Open(ctx context.Context, cfg Config) (*Provider, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if len(cfg.Pepper) == 0 { // never with PostgreSQL
		pepper, err := pepperFile(cfg.Path+".key", cfg.Rand)
		if err != nil {
			return nil, err
		}
		cfg.Pepper = pepper
	}
	k, err := newKeys(cfg.Pepper)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		cfg: cfg, keys: k,
		hashes: newHasher(cfg.Argon2, k.password, cfg.Rand), turns: newTurns(),
		post: newPost(),
	}
	if p.cache, err = lru.New[tokenHash, *cached](cfg.CacheSize); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if p.actors, err = lru.New[tokenHash, *cachedActor](cfg.CacheSize); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := p.openDatabase(ctx); err != nil {
		return nil, errors.Join(err, p.closeDatabase())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	for range deliverers {
		p.running.Go(func() { p.deliver(background) })
	}
	p.running.Go(func() { p.sweepEvery(background, time.Minute) })
	return p, nil
}

// Close stops the goroutines, after the messages that wait have had five seconds to leave, and closes the database.
func (p *Provider) Close() error {
	p.stop()
	p.running.Wait()
	return p.closeDatabase()
}

// checkKeys refuses to go on with keys that the database was not written with.
func (p *Provider) checkKeys(ctx context.Context) error {
	want := mac(p.keys.blind, "key check")
	if _, err := p.writer.ExecContext(ctx, `INSERT INTO key_check VALUES (0, $1) ON CONFLICT DO NOTHING`, want); err != nil {
		return fmt.Errorf("identity: key check: %w", err)
	}
	var have []byte
	if err := p.writer.QueryRowContext(ctx, `SELECT mac FROM key_check`).Scan(&have); err != nil {
		return fmt.Errorf("identity: key check: %w", err)
	}
	if !hmac.Equal(have, want) {
		return errors.New("identity: the pepper or key file is not the one that this database was written with")
	}
	return nil
}

// revoke makes every process read the sessions that meet the condition afresh. Whatever ends sessions or changes what
// their actor may do calls it in the same transaction, before the sessions are gone.
func revoke(ctx context.Context, tx querier, where string, args ...any) error {
	_, err := tx.ExecContext(ctx, `UPDATE epochs SET n = n + 1 WHERE bucket IN (SELECT bucket FROM sessions WHERE `+where+`)`, args...) // #nosec G202 -- conditions are constants
	if err != nil {
		return fmt.Errorf("identity: revoke: %w", err)
	}
	return nil
}

// revokeAccount does the same for an account: its sessions, and what is remembered of its bearer tokens.
func revokeAccount(ctx context.Context, tx querier, account string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE epochs SET n = n + 1 WHERE bucket = $1`, accountBucket(account)); err != nil {
		return fmt.Errorf("identity: revoke: %w", err)
	}
	return revoke(ctx, tx, `account_id = $1`, account)
}

func accountBucket(account string) int { return 256 + int(digest(account)[0]) }

// revokeEverybody does the same for all, for what is rare: access tokens may name any organization, and nothing here tells
// whose do.
func revokeEverybody(ctx context.Context, tx querier) error {
	if _, err := tx.ExecContext(ctx, `UPDATE epochs SET n = n + 1`); err != nil {
		return fmt.Errorf("identity: revoke: %w", err)
	}
	return nil
}

// revokeOfficers does the same for the officers of an organization and of those above it: its name and its place are part
// of what their sessions remember. Nobody else's session is read afresh, since units register all day long.
func revokeOfficers(ctx context.Context, tx querier, organization string) error {
	officers, err := officersFrom(ctx, tx, organization)
	if err != nil {
		return fmt.Errorf("identity: revoke: %w", err)
	}
	for _, account := range officers {
		if err := revokeAccount(ctx, tx, account); err != nil {
			return err
		}
	}
	return nil
}

// officersFrom lists the accounts with a grant for the organization or one above it.
func officersFrom(ctx context.Context, q querier, organization string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `WITH RECURSIVE above(id) AS (
			SELECT parent FROM organizations WHERE id = $1
			UNION SELECT o.parent FROM organizations o JOIN above a ON o.id = a.id WHERE o.parent <> '')
		SELECT DISTINCT account_id FROM grants WHERE organization = $1 OR organization <> '' AND organization IN (SELECT id FROM above)`, organization)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	var out []string
	for rows.Next() {
		var account string
		if err := rows.Scan(&account); err != nil {
			return nil, err
		}
		out = append(out, account)
	}
	return out, rows.Err()
}

func (p *Provider) now() time.Time { return p.cfg.Clock().UTC() }

// random is n random bytes as text that fits a URL.
func (p *Provider) random(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(p.cfg.Rand, b); err != nil {
		return "", fmt.Errorf("identity: random bytes: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
