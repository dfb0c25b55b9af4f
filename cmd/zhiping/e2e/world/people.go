package world

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/infra/esdbserver"
)

// Register registers a new account by its phone and signs it in.
func Register(s *Server, phone, name, idNumber string) *Caller {
	s.T.Helper()
	nobody := &Caller{Server: s}
	nobody.Want(202, "", "POST", "/auth/codes", map[string]any{"phone": phone, "purpose": "register"})
	const password = "correct horse 电池"
	nobody.Want(201, "", "POST", "/auth/register", map[string]any{"phone": phone, "code": s.SentCode(phone),
		"password": password, "name": name, "idNumber": idNumber})
	in := nobody.Want(200, "", "POST", "/auth/login", map[string]any{"account": phone, "password": password})
	return &Caller{Server: s, Token: in.Str("accessToken")}
}

func Roles(c *Caller) []string {
	c.Server.T.Helper()
	list, _ := c.Want(200, "", "GET", "/me", nil).Body["roles"].([]any)
	out := make([]string, 0, len(list))
	for _, r := range list {
		s, _ := r.(string)
		out = append(out, s)
	}
	return out
}

// RunAccounts runs `zhiping accounts` beside the server, with a secret in a file.
func (s *Server) RunAccounts(secret string, args ...string) (string, error) {
	s.T.Helper()
	file := filepath.Join(s.T.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		s.T.Fatal(err)
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "FILE", file)
	}
	var out bytes.Buffer
	err := Run(s.T.Context(), append([]string{"accounts", "--data", s.Data}, args...), &out, &out)
	return out.String(), err
}

const GoodPassword = "correct horse 电池"

func Registration(s *Server, phone, name, number string) map[string]any {
	s.T.Helper()
	(&Caller{Server: s}).Want(202, "", "POST", "/auth/codes", map[string]any{"phone": phone, "purpose": "register"})
	return map[string]any{"phone": phone, "code": s.SentCode(phone), "password": GoodPassword, "name": name, "idNumber": number}
}

func (s *Server) SignIn(account, password string) *Caller {
	s.T.Helper()
	c := &Caller{Server: s}
	c.Token = c.Want(200, "", "POST", "/auth/login", map[string]any{"account": account, "password": password}).Str("accessToken")
	return c
}

// SentCode is the newest one-time code for a phone in the outbox that stands in for text messages. Messages leave
// behind the answer, so it waits for one.
func (s *Server) SentCode(phone string) (code string) {
	s.T.Helper()
	s.Eventually("a code for "+phone, func() bool {
		files, err := filepath.Glob(filepath.Join(s.Data, "*outbox*", "*.json")) // in order of time
		if err != nil {
			return false
		}
		for _, f := range slices.Backward(files) {
			raw, err := os.ReadFile(f) // #nosec G304 -- a file of the test's outbox
			if err == nil && strings.Contains(string(raw), phone) {
				code = regexp.MustCompile(`\b[0-9]{6}\b`).FindString(string(raw))
				return code != ""
			}
		}
		return false
	})
	return code
}

// SharedEventStore is an event store that nodes share.
func SharedEventStore(t *testing.T) (s *esdbserver.Server, url string) {
	t.Helper()
	s, err := esdbserver.Open(t.Context(), esdbserver.Config{Path: filepath.Join(t.TempDir(), "events"), Addr: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { CloseEventStore(s) })
	return s, s.ConnectionString()
}

func CloseEventStore(s *esdbserver.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.Close(ctx) // which waits for nobody's subscription
}
