// Package bench holds `zhiping bench`: measurements that print a table and a line of JSON. Nothing else imports it.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"zhiping/cmd/zhiping/internal/demo"
)

// client calls a demo server. Its client takes little of the processors that it shares with what it measures.
type client struct {
	base string
	http *fasthttp.Client
}

func newClient(url string, callers int) *client {
	return &client{base: url + "/api/v1", http: &fasthttp.Client{MaxConnsPerHost: callers, ReadTimeout: time.Minute, WriteTimeout: time.Minute}}
}

func (b *client) signIn(ctx context.Context, account string) (token string, err error) {
	err = b.call(ctx, "POST", "/auth/login", map[string]string{"account": account, "password": demo.Password}, nil, func(res *fasthttp.Response) error {
		var session struct{ AccessToken string }
		if err := json.Unmarshal(res.Body(), &session); err != nil || session.AccessToken == "" {
			return fmt.Errorf("no session, but %d (is it a demo server?)", res.StatusCode())
		}
		token = session.AccessToken
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("bench: sign in as %s: %w", account, err)
	}
	return token, nil
}

// register is a command that never meets its like: each registers another unit.
func (b *client) register(admin string) func(context.Context) (string, error) {
	codes := &creditCodes{last: time.Now().UnixNano() % 1_000_000_000 / 1000 * 1000}
	return func(ctx context.Context) (string, error) {
		code := codes.next()
		return b.do(ctx, "POST", "/units", admin, map[string]any{"uscc": code, "name": "测试单位" + code,
			"department": map[string]string{"id": "demo-department", "name": "示范省教育厅"}}, "")
	}
}

// do answers the position of a command, or of what a read includes.
func (b *client) do(ctx context.Context, method, path, token string, body any, after string) (position string, err error) {
	headers := map[string]string{"Authorization": "Bearer " + token}
	if after != "" {
		headers["X-After-Position"] = after
	}
	err = b.call(ctx, method, path, body, headers, func(res *fasthttp.Response) error {
		if res.StatusCode() >= 400 {
			return errors.New(fasthttp.StatusMessage(res.StatusCode()))
		}
		position = string(res.Header.Peek("X-Position"))
		return nil
	})
	return position, err
}

// call looks at a response with see, which must keep nothing of it.
func (b *client) call(ctx context.Context, method, path string, body any, headers map[string]string, see func(*fasthttp.Response) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.Header.SetMethod(method)
	req.SetRequestURI(b.base + path)
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(raw)
	}
	if err := b.http.Do(req, res); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return see(res)
}
