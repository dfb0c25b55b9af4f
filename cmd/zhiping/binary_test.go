package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// binary builds the program once for all tests of this package that run it for real.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "zhiping-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "zhiping")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// server is a running `zhiping serve`.
type server struct {
	t    testing.TB
	url  string
	data string
	cmd  *exec.Cmd
	done chan error
	log  *safeBuffer
	last atomic.Uint64 // position of the newest command that was answered
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) line(l string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.WriteString(l + "\n")
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// tail is the end of the log, for failures.
func (s *safeBuffer) tail() string {
	lines := strings.Split(s.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], "\n")
}

var servingAt = regexp.MustCompile(`msg=serving url=(https?://\S+)`)

// start runs the binary on a free port and waits until it is ready.
func start(t testing.TB, data string, flags ...string) *server {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, data: data, done: make(chan error, 1), log: &safeBuffer{}}
	s.cmd = exec.Command(path, append([]string{"serve", "--addr", "127.0.0.1:0", "--data", data, "--limit-addresses", "0", "--limit-requests", "0", "--limit-sign-ins", "0"}, flags...)...)
	if slices.Contains(flags, "--demo") {
		s.cmd.Args = append(s.cmd.Args, "--identity-argon2-memory", "64", "--identity-argon2-passes", "1") // most of what the tests would take
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			s.log.line(lines.Text())
			if m := servingAt.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
		s.done <- s.cmd.Wait()
	}()
	t.Cleanup(func() { s.kill() })
	select {
	case s.url = <-found:
	case err := <-s.done:
		s.done <- err
		t.Fatalf("the server ended: %v\n%s", err, s.log)
	case <-time.After(60 * time.Second):
		t.Fatalf("the server does not start\n%s", s.log)
	}
	// Whose certificate it is, the test of TLS asks.
	anybody := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	s.eventually("ready", func() bool {
		r, err := anybody.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return s
}

func (s *server) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	s.t.Fatalf("never %s\n%s", what, s.log)
}

// kill is kill -9; nothing happens when the process has ended.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	err := <-s.done
	s.done <- err
}

// stop is the polite way, which must end without an error.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.done:
		s.done <- err
		if err != nil {
			s.t.Fatalf("stopped with %v\n%s", err, s.log)
		}
	case <-time.After(30 * time.Second):
		s.t.Fatalf("does not stop\n%s", s.log)
	}
}

// caller is somebody who is signed in, or nobody with an empty token.
type caller struct {
	s     *server
	token string
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

func (a answer) str(path ...string) string {
	var v any = a.body
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[p]
	}
	s, _ := v.(string)
	return s
}

func (a answer) items(key string) []map[string]any {
	list, _ := a.body[key].([]any)
	out := make([]map[string]any, 0, len(list))
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// as signs in with a demo account.
func (s *server) as(account string) *caller {
	s.t.Helper()
	c := &caller{s: s}
	a := c.do("POST", "/auth/login", map[string]any{"account": account, "password": demoPassword})
	if a.status != http.StatusOK || a.str("accessToken") == "" {
		s.t.Fatalf("sign in as %s: %d %s", account, a.status, a.raw)
	}
	c.token = a.str("accessToken")
	return c
}

// try sends a request; header pairs follow the body. A string or bytes body is sent as it is. Reads wait for every
// command that was answered before, as the portal's do.
func (c *caller) try(ctx context.Context, method, path string, body any, header ...string) (answer, error) {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case []byte:
		r = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		r = bytes.NewReader(raw)
	}
	if !strings.HasPrefix(path, "/healthz") && !strings.HasPrefix(path, "/readyz") && !strings.HasPrefix(path, "/openapi") {
		path = "/api/v1" + path
	}
	req, err := http.NewRequestWithContext(ctx, method, c.s.url+path, r)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if last := c.s.last.Load(); method == http.MethodGet && last > 0 && !strings.Contains(path, "after=") {
		req.Header.Set("X-After-Position", strconv.FormatUint(last, 10))
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if position, err := strconv.ParseUint(res.Header.Get("X-Position"), 10, 64); err == nil && method != http.MethodGet {
		for old := c.s.last.Load(); old < position && !c.s.last.CompareAndSwap(old, position); old = c.s.last.Load() {
		}
	}
	if a.raw, err = io.ReadAll(res.Body); err != nil {
		return a, err
	}
	_ = json.Unmarshal(a.raw, &a.body) // not every answer is JSON
	return a, nil
}

func (c *caller) do(method, path string, body any, header ...string) answer {
	c.s.t.Helper()
	a, err := c.try(context.Background(), method, path, body, header...)
	if err != nil {
		c.s.t.Fatalf("%s %s: %v\n%s", method, path, err, c.s.log)
	}
	return a
}

// want sends a request and insists on a status, and on a problem's code where one is named.
func (c *caller) want(status int, code, method, path string, body any, header ...string) answer {
	c.s.t.Helper()
	a := c.do(method, path, body, header...)
	if a.status != status || code != "" && a.str("code") != code {
		c.s.t.Fatalf("%s %s: %d %s, want %d %s\n%s\n%s", method, path, a.status, a.str("code"), status, code, a.raw, c.s.log.tail())
	}
	if status >= 400 {
		if ct := a.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/problem+json") {
			c.s.t.Fatalf("%s %s: a problem as %q", method, path, ct)
		}
	}
	return a
}

// after reads what includes an earlier command.
func (c *caller) after(position, path string) answer {
	c.s.t.Helper()
	return c.want(http.StatusOK, "", "GET", path, nil, "X-After-Position", position)
}

// upload attaches a file.
func (c *caller) upload(declaration, slot, recommender, name string, content []byte, header ...string) answer {
	c.s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("slot", slot)
	if recommender != "" {
		_ = w.WriteField("recommender", recommender)
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="file"; filename="%s"`, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)))
	h.Set("Content-Type", "application/octet-stream")
	part, err := w.CreatePart(h)
	if err != nil {
		c.s.t.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = w.Close()
	return c.do("POST", "/declarations/"+declaration+"/attachments", b.Bytes(), append([]string{"Content-Type", w.FormDataContentType()}, header...)...)
}
