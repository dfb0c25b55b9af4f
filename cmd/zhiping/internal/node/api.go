package node

import (
	"context"
	"errors"
	"io"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/http"
	"zhiping/infra/blobs"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid"
	"zhiping/readmodels"
)

func (n *Node) openAPI(ctx context.Context, c *Options) error {
	w, err := c.transport()
	if err != nil {
		return err
	}
	bounds, err := n.rateLimits(ctx, c)
	if err != nil {
		return err
	}
	n.API, err = http.New(http.Config{
		Executor: n.Executor, Events: n.Events, Feed: eventFeed{n.Events}, Reader: n.reader, Parked: n.parked.Any, Tracker: n.tracker,
		Auth: auth{n.Identity, n.openid}, OpenID: n.openIDPort(), Accounts: accounts{n.Identity}, QR: c.Site != "", Directory: Directory{Provider: n.Identity}, Blobs: blobStore{n.Blobs}, Printer: printer{}, Catalog: n.catalog, Clock: n.Clock,
		NewID: func() string { return uuid.NewString() }, Ready: n.ready, Logger: n.Logger,
		Metrics: n.metrics.Handler(), Request: n.metrics.Request, InFlight: n.metrics.InFlight, MaxConnections: maxConnections(), ConnectionClosed: n.metrics.ConnectionClosed, Tracer: n.tracing.Tracer("http"), OpsOnly: n.roles == rolesProjector, Secure: w.secure, TrustedProxies: w.proxies, Limits: bounds, ReadTimeout: c.ReadTimeout, Origins: c.Origins,
	})
	return err
}

var errCatchingUp = errors.New("the views have not caught up yet")

// ready tells why the node cannot serve now.
func (n *Node) ready(ctx context.Context) error {
	if err := n.Events.Ping(ctx); err != nil {
		return err
	}
	if err := n.store.Ping(ctx); err != nil {
		return err
	}
	if stop := n.Projector.Stopped(); n.roles != rolesAPI && stop != nil {
		return stop
	}
	if rebuilding, err := n.reader.Rebuilding(ctx); err != nil {
		return err
	} else if rebuilding {
		return readmodels.ErrRebuilding
	}
	if n.roles != rolesAPI && !n.Projector.CaughtUp() {
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

// blobStore gives the edge the store of attachments.
type blobStore struct{ store *blobs.Store }

func (f blobStore) Put(ctx context.Context, content io.Reader, slot catalog.Slot) (http.Blob, error) {
	b, err := f.store.Put(ctx, content, blobs.Limit{MaxBytes: slot.MaxBytes, Types: slot.Types, Pixels: slot.Pixels})
	return http.Blob(b), err
}

func (f blobStore) Reader(ctx context.Context, sha string, offset, length int64) (io.ReadCloser, error) {
	return f.store.Reader(ctx, sha, offset, length)
}

func (f blobStore) SafeName(name, contentType string) string {
	return blobs.SafeName(name, contentType)
}

// eventFeed gives the edge the log of all streams.
type eventFeed struct{ client *eventstore.Client }

func (f eventFeed) ReadAll(ctx context.Context, after uint64, types []string, limit int) ([]domain.Recorded, uint64, bool, error) {
	page, err := f.client.ReadAll(ctx, eventstore.All{After: after, Types: types, Limit: limit})
	return page.Events, page.Next, page.More, err
}
