package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"zhiping/infra/identity"
)

// IdentityFlags say where accounts and sessions are.
type IdentityFlags struct {
	Postgres string `placeholder:"URL" help:"Connection string of a PostgreSQL for accounts and sessions, which several machines share, e.g. postgres://user@host/zhiping; a password is better set by the environment. Default: a file below --data, for one machine."`
	Key      string `type:"path" placeholder:"FILE" help:"File with the key of accounts, 32 bytes in hexadecimal, the same on every node. Needed with a PostgreSQL. Default: a file below --data, made at the first start."`

	Argon2Memory uint32 `name:"argon2-memory" default:"19456" placeholder:"KIB" help:"Memory that hashing a password takes, in KiB. More resists guessing better; sign-ins take as much at once as there are processors."`
	Argon2Passes uint32 `name:"argon2-passes" default:"2" help:"How often hashing a password passes over that memory."`
}

// argon2Least are the least costs by OWASP's Password Storage Cheat Sheet, in KiB and passes; they are equals.
var argon2Least = [][2]uint32{{47104, 1}, {19456, 2}, {12288, 3}, {9216, 4}, {7168, 5}}

// Argon2 is the cost of password hashing. A demo, whose passwords everybody knows, may have less than is safe.
func (f IdentityFlags) Argon2(demo bool) (identity.Argon2, error) {
	if f.Argon2Memory == 0 && f.Argon2Passes == 0 {
		return identity.Argon2{}, nil // the provider's own
	}
	enough := func(least [2]uint32) bool { return f.Argon2Memory >= least[0] && f.Argon2Passes >= least[1] }
	if !demo && !slices.ContainsFunc(argon2Least, enough) {
		return identity.Argon2{}, fmt.Errorf("--identity-argon2-memory %d with --identity-argon2-passes %d is less than OWASP's least, such as %d with %d",
			f.Argon2Memory, f.Argon2Passes, argon2Least[1][0], argon2Least[1][1])
	}
	return identity.Argon2{Memory: f.Argon2Memory, Time: f.Argon2Passes}, nil
}

var errIdentityKey = errors.New("--identity-postgres needs --identity-key: a file with 32 random bytes in hexadecimal, such as `openssl rand -hex 32` makes, the same on every node")

// Pepper reads the key; nil leaves it to the provider's own file.
func (f IdentityFlags) Pepper() ([]byte, error) {
	if f.Key == "" {
		if f.Postgres != "" {
			return nil, errIdentityKey
		}
		return nil, nil
	}
	key, err := identity.ReadKey(f.Key)
	if err != nil {
		return nil, fmt.Errorf("--identity-key: %w", err)
	}
	return key, nil
}

// warnSingleNode is what an operator of several machines must know.
const warnSingleNode = "accounts and browsers' sessions are in this node's data folder only: on several machines, set --identity-postgres, or programs need the access tokens of --oidc-issuer, and browsers must come back to the node that signed them in"

func (n *Node) openIdentity(ctx context.Context, c *Options) (err error) {
	codes, err := c.sender()
	if err != nil {
		return err
	}
	mode := identity.CaptchaMode(c.Captcha)
	if mode == "" && c.Demo {
		mode = identity.CaptchaOff
	}
	pepper, err := c.Identity.Pepper()
	if err != nil {
		return err
	}
	cost, err := c.Identity.Argon2(c.Demo)
	if err != nil {
		return err
	}
	if n.Identity, err = identity.Open(ctx, identity.Config{Path: c.DataPath("identity.sqlite"), Postgres: c.Identity.Postgres, Pepper: pepper, Captcha: mode, Argon2: cost, Networks: c.Limits.networks(), Clock: n.Clock, Logger: n.Logger,
		Sender: codes, External: c.OIDC.Issuer != "", BaseURL: c.Site, Delivered: n.metrics.Message, Observe: func(r identity.AuditRecord) { n.metrics.Identity(string(r.Kind)) }}); err != nil {
		return err
	}
	n.OnClose(n.Identity.Close)
	if c.Eventstore != "" && c.Readstore != "" && c.Identity.Postgres == "" && c.Roles != rolesProjector {
		n.Logger.Warn(warnSingleNode)
	}
	return nil
}
