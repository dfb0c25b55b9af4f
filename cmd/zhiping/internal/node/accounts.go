package node

import (
	"context"
	"errors"

	"zhiping/http"
	"zhiping/infra/identity"
)

// accounts gives the edge the identity provider beyond signing in.
type accounts struct{ provider *identity.Provider }

func (a accounts) Captcha(ctx context.Context, c http.Client) (http.Captcha, error) {
	captcha, err := a.provider.NewCaptcha(ctx, c.Address)
	return http.Captcha{ID: captcha.ID, Image: captcha.Image}, err
}

func (a accounts) SendCode(ctx context.Context, code http.Code, c http.Client) error {
	return a.provider.SendCode(ctx, identity.CodeRequest{Phone: code.Phone, Purpose: identity.Purpose(code.Purpose),
		CaptchaID: code.CaptchaID, Captcha: code.Captcha, Address: c.Address, UserAgent: c.UserAgent})
}

func (a accounts) Register(ctx context.Context, r http.Registration, c http.Client) (http.User, error) {
	u, err := a.provider.Register(ctx, identity.RegisterRequest{Phone: r.Phone, Code: r.Code, Password: r.Password, Name: r.Name,
		IDNumber: r.IDNumber, Address: c.Address, UserAgent: c.UserAgent})
	return http.User(u), err
}

func (a accounts) ResetPassword(ctx context.Context, phone, code, password string, c http.Client) error {
	return a.provider.ResetPassword(ctx, identity.ResetRequest{Phone: phone, Code: code, NewPassword: password, Address: c.Address, UserAgent: c.UserAgent})
}

func (a accounts) StartQR(ctx context.Context, c http.Client) (http.Ticket, error) {
	t, err := a.provider.StartQR(ctx, c.Address, c.UserAgent)
	return http.Ticket(t), err
}

func (a accounts) PollQR(ctx context.Context, ticket, secret string) (string, *http.Session, error) {
	p, err := a.provider.PollQR(ctx, ticket, secret)
	if err != nil || p.Session == nil {
		return string(p.Status), nil, err
	}
	s := sessionOf(*p.Session)
	return string(p.Status), &s, nil
}

func (a accounts) ScanQR(ctx context.Context, account, ticket string) (http.Prompt, error) {
	p, err := a.provider.ScanQR(ctx, account, ticket)
	return http.Prompt{Address: p.Address, UserAgent: p.Agent, AskedAt: p.AskedAt}, err
}

func (a accounts) ConfirmQR(ctx context.Context, account, token, ticket string) error {
	session, err := a.sessionID(ctx, token)
	if err != nil {
		return err
	}
	return a.provider.ConfirmQR(ctx, account, session, ticket)
}

func (a accounts) Sessions(ctx context.Context, account string, behind *http.OpenSession, limit int) ([]http.OpenSession, error) {
	q := identity.SessionQuery{Account: account, Limit: limit}
	if behind != nil {
		q.Behind = &identity.SessionInfo{ID: behind.ID, CreatedAt: behind.CreatedAt}
	}
	list, err := a.provider.Sessions(ctx, q)
	out := make([]http.OpenSession, 0, len(list))
	for _, s := range list {
		out = append(out, http.OpenSession{ID: s.ID, Method: s.Method, Address: s.Address, UserAgent: s.Agent,
			CreatedAt: s.CreatedAt, SeenAt: s.SeenAt, ExpiresAt: s.ExpiresAt})
	}
	return out, err
}

func (a accounts) EndSession(ctx context.Context, account, id string) error {
	return a.provider.EndSession(ctx, account, id)
}

// sessionID is that of the session that a caller's token belongs to; "" for a program with an access token of the OpenID
// provider, which has none.
func (a accounts) sessionID(ctx context.Context, token string) (string, error) {
	_, session, err := a.provider.Authenticate(ctx, token)
	if errors.Is(err, identity.ErrNotSignedIn) {
		return "", nil
	}
	return session.ID, err
}

func (a accounts) EndOtherSessions(ctx context.Context, account, token string) error {
	keep, err := a.sessionID(ctx, token)
	if err != nil {
		return err
	}
	return a.provider.EndOtherSessions(ctx, account, keep)
}

func (a accounts) ChangePassword(ctx context.Context, account, token, password, newPassword string, c http.Client) error {
	keep, err := a.sessionID(ctx, token)
	if err != nil {
		return err
	}
	return a.provider.ChangePassword(ctx, identity.ChangePasswordRequest{Account: account, Session: keep, Password: password,
		NewPassword: newPassword, Address: c.Address, UserAgent: c.UserAgent})
}
