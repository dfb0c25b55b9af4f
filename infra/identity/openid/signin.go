package openid

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"zhiping/infra/identity"
)

// Start is a sign-in under way. URL is where the browser goes; Secret stays with it, in an HttpOnly cookie of its
// own, and ties the answer to the browser that asked.
type Start struct {
	URL    string
	Secret string
}

// flow is what we remember of a sign-in under way, under its state.
type flow struct {
	Browser  []byte `json:"browser"` // hash of the browser's secret
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	ReturnTo string `json:"returnTo"`
}

const flowLife = 10 * time.Minute

// Begin starts a sign-in. returnTo is a path of ours that the browser goes back to; anything else becomes "/".
func (c *Client) Begin(ctx context.Context, returnTo string) (Start, error) {
	r, err := c.ready(ctx)
	if err != nil {
		return Start{}, err
	}
	var random [4]string
	for i := range random {
		b := make([]byte, 32)
		if _, err := io.ReadFull(c.cfg.Rand, b); err != nil {
			return Start{}, fmt.Errorf("openid: random bytes: %w", err)
		}
		random[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	state, nonce, verifier, secret := random[0], random[1], random[2], random[3]
	hash := sha256.Sum256([]byte(secret))
	value, err := json.Marshal(flow{Browser: hash[:], Nonce: nonce, Verifier: verifier, ReturnTo: localPath(returnTo)})
	if err != nil {
		return Start{}, fmt.Errorf("openid: %w", err)
	}
	if err := c.sessions.KeepFlow(ctx, state, value, flowLife); err != nil {
		return Start{}, err
	}
	return Start{URL: r.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), Secret: secret}, nil
}

// Callback is what the provider's answer brings.
type Callback struct {
	State     string
	Code      string
	Issuer    string // the iss parameter, when there is one
	Error     string // the error parameter
	Secret    string // from the cookie
	Address   string
	UserAgent string
}

// Finish ends a sign-in with a session, and answers where the browser goes. Whatever is wrong with the answer, the
// caller learns ErrSignInFailed only; the reason is wrapped beside it, for the log. There is no session before what the
// claims give and take has been written down.
func (c *Client) Finish(ctx context.Context, cb Callback) (identity.Session, string, error) {
	refuse := func(reason error) (identity.Session, string, error) {
		return identity.Session{}, "", errors.Join(identity.ErrSignInFailed, reason)
	}
	r, err := c.ready(ctx)
	if err != nil {
		return identity.Session{}, "", err
	}
	if len(cb.State) != 43 {
		return refuse(errors.New("openid: no state"))
	}
	value, err := c.sessions.TakeFlow(ctx, cb.State)
	if err != nil {
		return identity.Session{}, "", err
	}
	var f flow
	if err := json.Unmarshal(value, &f); err != nil {
		return refuse(err)
	}
	hash := sha256.Sum256([]byte(cb.Secret))
	switch {
	case subtle.ConstantTimeCompare(hash[:], f.Browser) != 1:
		return refuse(errors.New("openid: the answer came to another browser"))
	case cb.Issuer != "" && cb.Issuer != c.cfg.Issuer, cb.Issuer == "" && r.namesSelf:
		return refuse(errors.New("openid: the answer is another issuer's"))
	case cb.Error != "" || cb.Code == "":
		return refuse(errors.New("openid: the provider refused"))
	}
	tokens, err := r.oauth.Exchange(c.context(ctx), cb.Code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return refuse(exchangeError(err))
	}
	raw, _ := tokens.Extra("id_token").(string)
	person, err := c.person(ctx, r, raw, f.Nonce, tokens)
	if err != nil {
		return refuse(err)
	}
	id, err := c.sessions.TakeUp(ctx, person)
	if err != nil {
		return identity.Session{}, "", err
	}
	if err := c.roles.Claimed(ctx, id, person.Claims(), cb.Address); err != nil {
		return identity.Session{}, "", err
	}
	session, err := c.sessions.SignInExternal(ctx, person, cb.Address, cb.UserAgent, []byte(raw))
	return session, f.ReturnTo, err
}

// person verifies an id token and reads who it names.
func (c *Client) person(ctx context.Context, r *remote, raw, nonce string, tokens *oauth2.Token) (identity.External, error) {
	token, claims, err := c.verify(ctx, r.signIn, raw)
	if err != nil {
		return identity.External{}, err
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1 {
		return identity.External{}, errors.New("openid: the id token is for another sign-in")
	}
	if azp, ok := claims["azp"].(string); len(token.Audience) > 1 && (!ok || azp != c.cfg.ClientID) {
		return identity.External{}, errors.New("openid: the id token was issued to another client")
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(tokens.AccessToken); err != nil {
			return identity.External{}, fmt.Errorf("openid: %w", err)
		}
	}
	if c.cfg.UserInfo {
		info, err := r.provider.UserInfo(c.context(ctx), oauth2.StaticTokenSource(tokens))
		if err != nil {
			return identity.External{}, fmt.Errorf("openid: userinfo: %w", err)
		}
		if info.Subject != token.Subject {
			return identity.External{}, errors.New("openid: userinfo is about somebody else")
		}
		var more map[string]any
		if err := info.Claims(&more); err != nil {
			return identity.External{}, errClaims
		}
		for k, v := range more {
			if _, signed := claims[k]; !signed { // what is signed goes first
				claims[k] = v
			}
		}
	}
	return c.cfg.Mapping.person(c.cfg.Issuer, token.Subject, claims), nil
}

// exchangeError keeps the provider's error code and leaves out its body, which may repeat the code or a token.
func exchangeError(err error) error {
	var re *oauth2.RetrieveError
	if errors.As(err, &re) {
		return fmt.Errorf("openid: token endpoint answered %d %s", re.Response.StatusCode, clean(re.ErrorCode))
	}
	return fmt.Errorf("openid: token endpoint: %w", err)
}

// localPath is a path on our own site, whatever was asked for: no redirect leads away from it.
func localPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") ||
		strings.ContainsFunc(s, func(r rune) bool { return r == '\\' || r <= ' ' || r == 0x7f }) {
		return "/"
	}
	return s
}
