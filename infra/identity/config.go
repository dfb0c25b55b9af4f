package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"runtime"
	"time"

	"zhiping/domain/gb"
	"zhiping/infra/identity/sender"
)

// CaptchaMode says when a sign-in asks for a captcha.
type CaptchaMode string

// The modes. Sending a one-time code always asks, unless captchas are off.
const (
	CaptchaAlways   CaptchaMode = "always"
	CaptchaAdaptive CaptchaMode = "adaptive" // after three failures
	CaptchaOff      CaptchaMode = "off"
)

// Argon2 tunes password hashing. The memory that sign-ins can take is Memory × Concurrent, whatever the flood.
type Argon2 struct {
	Memory     uint32 // KiB
	Time       uint32
	Threads    uint8
	Concurrent int // hashes computed at the same time
	Queue      int // callers that may wait for their turn; more are answered ErrBusy
}

// Config is what a Provider is made from. The zero value of every field but Path is usable.
type Config struct {
	Path     string           // of the SQLite file; created when missing
	Postgres string           // connection string of a PostgreSQL, which several machines may share, in place of the file; needs Pepper
	Pepper   []byte           // at least 32 bytes; when empty, Path+".key" is read or made
	Clock    func() time.Time // time.Now when nil
	Rand     io.Reader        // crypto/rand when nil; must be safe for concurrent use
	Logger   *slog.Logger     // discards when nil

	Captcha CaptchaMode // adaptive when empty
	Argon2  Argon2      // 19 MiB, 2 passes, as many at once as there are CPUs

	Networks NetworkLimits

	SessionTTL time.Duration // longest life of a session: 12 h
	IdleTTL    time.Duration // life of a session that is not used: 2 h
	Sessions   int           // most sessions of one account, the oldest end: 200
	CacheSize  int           // sessions remembered in memory: 65,536
	AuditTTL   time.Duration // how long audit records are kept: 400 days

	Sender        sender.Sender                                                // of one-time codes; outbox folder Path+".outbox" when nil
	BaseURL       string                                                       // of the portal, for the link in a QR code
	CheckPhone    func(phone string) error                                     // mainland mobile numbers when nil
	CheckIDNumber func(number string) error                                    // GB 11643 when nil
	VerifyPerson  func(ctx context.Context, name, number string) (bool, error) // real-name check; none when nil
	Observe       func(AuditRecord)                                            // hears of every audit record once it is stored, for metrics; must not block
	Delivered     func(kind, outcome string)                                   // hears what became of every message: sent, failed or expired; must not block
	External      bool                                                         // people sign in at an OpenID provider; passwords are off
}

var mainlandMobile = regexp.MustCompile(`^1[3-9][0-9]{9}$`)

// Validate reports every fault of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("identity: "+format, args...)) }
	if c.Path == "" {
		fault("a path is needed")
	}
	if c.Postgres != "" && len(c.Pepper) == 0 {
		fault("with PostgreSQL a key is needed, the same on every node")
	}
	if len(c.Pepper) > 0 && len(c.Pepper) < 32 {
		fault("the pepper has %d bytes, at least 32 are needed", len(c.Pepper))
	}
	switch c.Captcha {
	case "", CaptchaAlways, CaptchaAdaptive, CaptchaOff:
	default:
		fault("captcha mode %q is not one of always, adaptive, off", c.Captcha)
	}
	if c.SessionTTL < 0 || c.IdleTTL < 0 || c.AuditTTL < 0 {
		fault("lifetimes cannot be negative")
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Captcha == "" {
		c.Captcha = CaptchaAdaptive
	}
	c.Argon2.Memory = or(c.Argon2.Memory, 19*1024)
	c.Argon2.Time = or(c.Argon2.Time, 2)
	c.Argon2.Threads = or(c.Argon2.Threads, 1)
	c.Argon2.Concurrent = or(c.Argon2.Concurrent, runtime.GOMAXPROCS(0))
	c.Argon2.Queue = or(c.Argon2.Queue, 256)
	c.Networks.Codes = or(c.Networks.Codes, 600)
	c.Networks.Captchas = or(c.Networks.Captchas, 600)
	c.Networks.Tickets = or(c.Networks.Tickets, 600)
	c.SessionTTL = or(c.SessionTTL, 12*time.Hour)
	c.IdleTTL = or(c.IdleTTL, 2*time.Hour)
	c.Sessions = or(c.Sessions, 200)
	c.CacheSize = or(c.CacheSize, 1<<16)
	c.AuditTTL = or(c.AuditTTL, 400*24*time.Hour)
	if c.Sender == nil {
		c.Sender = sender.Outbox{Dir: c.Path + ".outbox", Clock: c.Clock}
	}
	if c.Observe == nil {
		c.Observe = func(AuditRecord) {}
	}
	if c.Delivered == nil {
		c.Delivered = func(string, string) {}
	}
	if c.CheckPhone == nil {
		c.CheckPhone = func(phone string) error {
			if !mainlandMobile.MatchString(phone) {
				return errors.New("not a mainland mobile number")
			}
			return nil
		}
	}
	if c.CheckIDNumber == nil {
		c.CheckIDNumber = gb.CheckIDNumber
	}
	return c
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
