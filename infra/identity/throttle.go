package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A brake slows guessing: some failures are free, then each further one locks for twice as long as the one before.
type brake struct {
	free    int
	first   time.Duration
	longest time.Duration
	forget  time.Duration // failures are forgotten after so long without another
}

// The three brakes. The pair of account and network carries the weight, so that a stranger elsewhere locks nobody
// out. The account's own brake is against guessing from many networks; it never locks longer than a minute and does not
// concern networks that its owner has signed in from. Whoever keeps it locked, by a guess a minute from ever new
// networks, would keep out an owner who is somewhere new: a network that has hardly failed yet gets past it against a
// captcha, one guess a captcha. The address's own brake is against guessing many accounts from one place, and wide enough
// for a university behind one address.
var (
	pairBrake    = brake{free: 5, first: time.Minute, longest: 15 * time.Minute, forget: 30 * time.Minute}
	accountBrake = brake{free: 20, first: 5 * time.Second, longest: time.Minute, forget: time.Hour}
	addressBrake = brake{free: 100, first: 10 * time.Second, longest: 5 * time.Minute, forget: time.Hour}
)

const (
	hardlyFailed  = 3 // failures of a pair from which on a captcha does not help it past the account's brake
	longestMemory = time.Hour
	knownFor      = 90 * 24 * time.Hour
)

// meter counts failures.
type meter struct {
	failures    int
	last        time.Time
	lockedUntil time.Time
}

// fail is the meter after one more failure.
func (m meter) fail(b brake, now time.Time) meter {
	if now.Sub(m.last) >= b.forget && !now.Before(m.lockedUntil) {
		m.failures = 0
	}
	m.failures++
	m.last = now
	if over := m.failures - b.free; over >= 0 {
		lock := b.longest
		if over < 16 { // doubling further would only overflow
			lock = min(b.first<<over, b.longest)
		}
		m.lockedUntil = now.Add(lock)
	}
	return m
}

// count is how many failures still matter.
func (m meter) count(b brake, now time.Time) int {
	if now.Sub(m.last) >= b.forget {
		return 0
	}
	return m.failures
}

// attempt is one try to prove who one is, as the brakes see it.
type attempt struct {
	pair, account, address []byte // keys of the meters
	known                  bool   // the account has been signed in to from this network
	limited                bool   // what is guessed has limits of its own, which nobody elsewhere can use up: no brake for all together
}

// attempt names the meters. subject is an account's id, or what was typed when there is no such account, so that
// both behave the same.
func (p *Provider) attempt(ctx context.Context, subject, address string) (attempt, error) {
	net := network(address)
	a := attempt{
		pair:    mac(p.keys.blind, "pair", subject, net),
		account: mac(p.keys.blind, "account", subject),
		address: mac(p.keys.blind, "address", net),
	}
	var err error
	a.known, err = p.knows(ctx, p.reader.querier, subject, net)
	return a, err
}

// knows tells whether an account has been signed in to from a network lately.
func (p *Provider) knows(ctx context.Context, q querier, account, net string) (bool, error) {
	var one int
	err := q.QueryRowContext(ctx, `SELECT 1 FROM known_networks WHERE account_id = $1 AND network = $2 AND seen_at > $3`,
		account, net, millis(p.now().Add(-knownFor))).Scan(&one)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("identity: known network: %w", err)
	}
	return one == 1, nil
}

// gate tells how long the attempt has to wait, and whether it has failed often enough to be asked for a captcha.
func (p *Provider) gate(ctx context.Context, a attempt) (wait time.Duration, suspicious bool, err error) {
	now := p.now()
	own, err := readMeter(ctx, p.reader.querier, a.pair)
	if err != nil {
		return 0, false, err
	}
	// A locked account has failed often enough for the captcha to be asked for in every mode but off.
	past := p.cfg.Captcha != CaptchaOff && own.count(pairBrake, now) < hardlyFailed
	for _, m := range []struct {
		key     []byte
		brake   brake
		captcha int
		exempt  bool // from looking
		past    bool // the lock
	}{
		{a.pair, pairBrake, 3, false, false},
		{a.account, accountBrake, 3, a.known || a.limited, past},
		{a.address, addressBrake, 20, a.known, false},
	} {
		if m.exempt {
			continue
		}
		have, err := readMeter(ctx, p.reader.querier, m.key)
		if err != nil {
			return 0, false, err
		}
		if !m.past {
			wait = max(wait, have.lockedUntil.Sub(now))
		}
		suspicious = suspicious || have.count(m.brake, now) >= m.captcha
	}
	return wait, suspicious, nil
}

// failed counts a failure on every meter, and tells whether that locked one.
func (p *Provider) failed(ctx context.Context, c *change, a attempt) (locked bool, err error) {
	now := p.now()
	for _, m := range []struct {
		key   []byte
		brake brake
	}{{a.pair, pairBrake}, {a.account, accountBrake}, {a.address, addressBrake}} {
		have, err := readMeter(ctx, c.querier, m.key)
		if err != nil {
			return false, err
		}
		next := have.fail(m.brake, now)
		locked = locked || next.lockedUntil.After(now)
		if _, err := c.ExecContext(ctx, `INSERT INTO meters (key, failures, last_at, locked_until) VALUES ($1,$2,$3,$4)
			ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, locked_until = excluded.locked_until`,
			m.key, next.failures, millis(next.last), millis(next.lockedUntil)); err != nil {
			return false, fmt.Errorf("identity: meter: %w", err)
		}
	}
	return locked, nil
}

// succeeded forgets this network's failures on the account. The account's and the address's meters keep theirs:
// else an attacker with one account of their own could reset them.
func succeeded(ctx context.Context, c *change, a attempt) error {
	if _, err := c.ExecContext(ctx, `DELETE FROM meters WHERE key = $1`, a.pair); err != nil {
		return fmt.Errorf("identity: meter: %w", err)
	}
	return nil
}

func readMeter(ctx context.Context, q querier, key []byte) (meter, error) {
	var m meter
	var last, until int64
	err := q.QueryRowContext(ctx, `SELECT failures, last_at, locked_until FROM meters WHERE key = $1`, key).Scan(&m.failures, &last, &until)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return m, fmt.Errorf("identity: meter: %w", err)
	}
	m.last, m.lockedUntil = fromMillis(last), fromMillis(until)
	return m, nil
}

// network is what one caller can be assumed to have: an IPv4 address, or the /64 around an IPv6 address.
func network(address string) string {
	address = strings.TrimSpace(address)
	ip, err := netip.ParseAddr(address)
	if err != nil {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return "?"
		}
		ip = ap.Addr()
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return "?"
	}
	return prefix.String()
}
