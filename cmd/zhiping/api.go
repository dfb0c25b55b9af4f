package main

import (
	"context"
	"errors"
	"io"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/http"
	"zhiping/infra/blobs"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid"
	"zhiping/infra/limits"
)

func (n *node) openAPI(ctx context.Context, c *serveCmd) error {
	w, err := c.ways()
	if err != nil {
		return err
	}
	bounds, err := n.bounds(ctx, c)
	if err != nil {
		return err
	}
	n.api, err = http.New(http.Config{
		Executor: n.executor, Events: n.events, Feed: feed{n.events}, Reader: n.reader, Parked: n.parked.Any, Tracker: n.tracker,
		Auth: auth{n.identity, n.openid}, OpenID: n.openIDEdge(), Accounts: accounts{n.identity}, QR: c.site != "", Directory: directory{n.identity}, Blobs: files{n.blobs}, Printer: printer{}, Catalog: n.catalog, Clock: n.clock,
		NewID: func() string { return uuid.NewString() }, Ready: n.ready, Logger: n.logger,
		Metrics: n.metrics.Handler(), Request: n.metrics.Request, InFlight: n.metrics.InFlight, Tracer: n.tracing.Tracer("http"), OpsOnly: n.roles == rolesProjector, Secure: w.secure, TrustedProxies: w.proxies, Limits: bounds, ReadTimeout: c.readTimeout, Origins: c.Origins,
	})
	return err
}

// bounds are the rate limits. They hold over all nodes together where nodes share a database: the PostgreSQL of the accounts,
// or the MongoDB of the views.
func (n *node) bounds(ctx context.Context, c *serveCmd) (http.Limits, error) {
	l := http.Limits{AddressPerMinute: c.Limits.Addresses, PerMinute: c.Limits.Requests, SignInsPerMinute: c.Limits.SignIns}
	if n.roles == rolesProjector { // which answers nobody but its operator
		return l, nil
	}
	shared, err := n.sharedCounts(ctx, c)
	if err != nil || shared == nil {
		return l, err
	}
	n.later(shared.Close)
	l.SignIns = limits.Resting(shared, n.clock, n.logger)
	n.exchange = limits.NewExchange(shared, uuid.NewString(), n.clock, n.logger)
	l.Addresses = n.exchange.Limit("addresses", l.AddressPerMinute)
	l.Callers = n.exchange.Limit("callers", l.PerMinute)
	return l, nil
}

// sharedCounter is a database that keeps counts for all nodes, in both ways.
type sharedCounter interface {
	fiber.Storage
	limits.Ledger
}

func (n *node) sharedCounts(ctx context.Context, c *serveCmd) (sharedCounter, error) {
	switch {
	case c.Identity.Postgres != "":
		return limits.OpenPostgres(c.Identity.Postgres, n.clock)
	case c.Readstore != "":
		database, err := databaseOf(c.Readstore)
		if err != nil {
			return nil, err
		}
		return limits.Open(ctx, c.Readstore, database, n.clock)
	}
	return nil, nil
}

var errCatchingUp = errors.New("the views have not caught up yet")

// ready tells why the node cannot serve now.
func (n *node) ready(ctx context.Context) error {
	if err := n.events.Ping(ctx); err != nil {
		return err
	}
	if err := n.store.Ping(ctx); err != nil {
		return err
	}
	if n.roles != rolesAPI && !n.projector.CaughtUp() {
		return errCatchingUp
	}
	return nil
}

// auth gives the edge the identity provider.
type auth struct {
	provider *identity.Provider
	openid   *openid.Client // nil where people sign in with passwords
}

func (a auth) Login(ctx context.Context, l http.Login) (http.Session, error) {
	s, err := a.provider.Login(ctx, identity.LoginRequest{
		Account: l.Account, Password: l.Password, CaptchaID: l.CaptchaID, Captcha: l.Captcha, Address: l.Address, UserAgent: l.UserAgent,
	})
	if err != nil {
		return http.Session{}, err
	}
	return sessionOf(s), nil
}

func sessionOf(s identity.Session) http.Session {
	actor := domain.Actor{ID: s.User.ID, Name: s.User.Name, Roles: s.User.Roles}
	if s.User.Organization != nil {
		actor.Organization = *s.User.Organization
	}
	return http.Session{Token: s.AccessToken, CSRF: s.CSRF, ExpiresAt: s.ExpiresAt, Actor: actor}
}

func (a auth) Authenticate(ctx context.Context, token string) (domain.Actor, string, error) {
	actor, info, err := a.authenticate(ctx, token)
	return actor, info.CSRF, err
}

func (a auth) Logout(ctx context.Context, token string) (elsewhere string, err error) {
	if a.openid != nil {
		return a.openid.Logout(ctx, token)
	}
	return "", a.provider.Logout(ctx, token)
}

// files gives the edge the store of attachments.
type files struct{ store *blobs.Store }

func (f files) Put(ctx context.Context, content io.Reader, slot catalog.Slot) (http.Blob, error) {
	b, err := f.store.Put(ctx, content, blobs.Limit{MaxBytes: slot.MaxBytes, Types: slot.Types, Pixels: slot.Pixels})
	return http.Blob(b), err
}

func (f files) Reader(ctx context.Context, sha string, offset, length int64) (io.ReadCloser, error) {
	return f.store.Reader(ctx, sha, offset, length)
}

func (f files) SafeName(name, contentType string) string { return blobs.SafeName(name, contentType) }

// feed gives the edge the log of all streams.
type feed struct{ client *eventstore.Client }

func (f feed) ReadAll(ctx context.Context, after uint64, types []string, limit int) ([]domain.Recorded, uint64, bool, error) {
	page, err := f.client.ReadAll(ctx, eventstore.All{After: after, Types: types, Limit: limit})
	return page.Events, page.Next, page.More, err
}
