package identity

import (
	"context"
	"crypto/hmac"
	"database/sql"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	_ "modernc.org/sqlite" // the driver

	"zhiping/infra/identity/sender"
)

//go:embed schema.sql
var schema string

// Provider is the identity provider. It is safe for concurrent use, also by several processes on one file.
type Provider struct {
	cfg    Config
	keys   keys
	writer *sql.DB // one connection: SQLite has one writer
	reader *sql.DB
	hashes *hasher
	turns  *turns
	cache  *lru.Cache[tokenHash, *cached]
	actors *lru.Cache[tokenHash, *cachedActor]
	read   statements

	outgoing chan sender.Message
	stop     context.CancelFunc
	running  sync.WaitGroup
}

type statements struct{ epoch, session *sql.Stmt }

// Open opens the provider's file, making it when it is missing, and starts its two goroutines: one delivers
// messages, one sweeps what has expired. Close ends both.
func Open(ctx context.Context, cfg Config) (*Provider, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if len(cfg.Pepper) == 0 {
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
		outgoing: make(chan sender.Message, 1024),
	}
	if p.cache, err = lru.New[tokenHash, *cached](cfg.CacheSize); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if p.actors, err = lru.New[tokenHash, *cachedActor](cfg.CacheSize); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := p.openFile(ctx); err != nil {
		return nil, errors.Join(err, p.closeFile())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	p.running.Go(func() { p.deliver(background) })
	p.running.Go(func() { p.sweepEvery(background, time.Minute) })
	return p, nil
}

// Close stops the goroutines, after the messages that wait have had five seconds to leave, and closes the file.
func (p *Provider) Close() error {
	p.stop()
	p.running.Wait()
	return p.closeFile()
}

func (p *Provider) openFile(ctx context.Context) error {
	open := func(connections int, pragmas ...string) (*sql.DB, error) {
		q := url.Values{"_txlock": {"immediate"}, "_pragma": append(pragmas,
			"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "secure_delete(ON)")}
		db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: p.cfg.Path}).EscapedPath()+"?"+q.Encode())
		if err != nil {
			return nil, fmt.Errorf("identity: open: %w", err)
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return db, nil
	}
	var err error
	if p.writer, err = open(1); err != nil {
		return err
	}
	if _, err = p.writer.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("identity: schema: %w", err)
	}
	if err = p.checkKeys(ctx); err != nil {
		return err
	}
	if p.reader, err = open(8, "query_only(ON)"); err != nil {
		return err
	}
	if p.read.epoch, err = p.reader.PrepareContext(ctx, `SELECT n FROM epochs WHERE bucket = ?`); err != nil {
		return fmt.Errorf("identity: prepare: %w", err)
	}
	if p.read.session, err = p.reader.PrepareContext(ctx, selectSession); err != nil {
		return fmt.Errorf("identity: prepare: %w", err)
	}
	return nil
}

// checkKeys refuses to go on with keys that the file was not written with.
func (p *Provider) checkKeys(ctx context.Context) error {
	want := mac(p.keys.blind, "key check")
	if _, err := p.writer.ExecContext(ctx, `INSERT OR IGNORE INTO key_check VALUES (0, ?)`, want); err != nil {
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

func (p *Provider) closeFile() error {
	var errs []error
	for _, db := range []*sql.DB{p.reader, p.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// A change is one transaction with the audit records that belong to it.
type change struct {
	*sql.Tx
	records []AuditRecord
}

// write runs f in one transaction. Its audit records are stored with it and logged only after it has committed,
// so neither tells of something that did not happen.
func (p *Provider) write(ctx context.Context, f func(c *change) error) error {
	tx, err := p.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("identity: begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // no effect after the commit
	c := &change{Tx: tx}
	if err := f(c); err != nil {
		return err
	}
	for i := range c.records {
		if err := p.store(ctx, tx, &c.records[i]); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("identity: commit: %w", err)
	}
	for _, r := range c.records {
		p.log(ctx, r)
		p.cfg.Observe(r)
	}
	return nil
}

// revoke makes every process read the sessions that meet the condition afresh. Whatever ends sessions or changes what
// their actor may do calls it in the same transaction, before the sessions are gone.
func revoke(ctx context.Context, tx *sql.Tx, where string, args ...any) error {
	_, err := tx.ExecContext(ctx, `UPDATE epochs SET n = n + 1 WHERE bucket IN (SELECT bucket FROM sessions WHERE `+where+`)`, args...) // #nosec G202 -- conditions are constants
	if err != nil {
		return fmt.Errorf("identity: revoke: %w", err)
	}
	return nil
}

// revokeAccount does the same for an account: its sessions, and what is remembered of its bearer tokens.
func revokeAccount(ctx context.Context, tx *sql.Tx, account string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE epochs SET n = n + 1 WHERE bucket = ?`, accountBucket(account)); err != nil {
		return fmt.Errorf("identity: revoke: %w", err)
	}
	return revoke(ctx, tx, `account_id = ?`, account)
}

func accountBucket(account string) int { return 256 + int(digest(account)[0]) }

// epoch reads a revocation counter.
func (p *Provider) epoch(ctx context.Context, bucket int) (int64, error) {
	var n int64
	if err := p.read.epoch.QueryRowContext(ctx, bucket).Scan(&n); err != nil {
		return 0, fmt.Errorf("identity: epoch: %w", err)
	}
	return n, nil
}

// revokeAll makes every process read everything afresh.
func revokeAll(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `UPDATE epochs SET n = n + 1`); err != nil {
		return fmt.Errorf("identity: revoke: %w", err)
	}
	return nil
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
