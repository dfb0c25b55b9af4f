// Package world is what the end-to-end tests share: the binary and nodes in this process, callers who are signed in,
// declarations that are filled in, and a tree of organizations with everybody in it. It tests nothing itself.
package world

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

	"zhiping/cmd/zhiping/internal/demo"
)

// build is the program, built once for all tests that run it.
var build struct {
	once sync.Once
	path string
	err  error
}

// Binary builds the program at the first call and answers its path.
func Binary() (string, error) {
	build.once.Do(func() {
		dir, err := os.MkdirTemp("", "zhiping-test-")
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "zhiping")
		if out, err := exec.Command("go", "build", "-o", build.path, "zhiping/cmd/zhiping").CombinedOutput(); err != nil { // #nosec G204 -- builds the binary under test in a folder of its own
			build.err = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	return build.path, build.err
}

// RemoveBinary deletes the program that was built, if one was.
func RemoveBinary() error {
	if build.path == "" {
		return nil
	}
	return os.RemoveAll(filepath.Dir(build.path))
}

// Server is a running `zhiping serve`.
type Server struct {
	T        testing.TB
	URL      string
	Data     string
	Cmd      *exec.Cmd
	done     chan error
	Log      *Log
	position atomic.Uint64 // position of the newest command that was answered
}

type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *Log) line(l string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.WriteString(l + "\n")
}

func (s *Log) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// tail is the end of the log, for failures.
func (s *Log) tail() string {
	lines := strings.Split(s.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], "\n")
}

var servingAt = regexp.MustCompile(`msg=serving url=(https?://\S+)`)

// Start runs the binary on a free port and waits until it is ready.
func Start(t testing.TB, data string, flags ...string) *Server {
	t.Helper()
	path, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{T: t, Data: data, done: make(chan error, 1), Log: &Log{}}
	s.Cmd = exec.Command(path, append([]string{"serve", "--addr", "127.0.0.1:0", "--data", data, "--limit-addresses", "0", "--limit-requests", "0", "--limit-sign-ins", "0"}, flags...)...) // #nosec G204 -- the binary under test
	if slices.Contains(flags, "--demo") {
		s.Cmd.Args = append(s.Cmd.Args, "--identity-argon2-memory", "64", "--identity-argon2-passes", "1") // most of what the tests would take
	}
	out, err := s.Cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Cmd.Stderr = s.Cmd.Stdout
	if err := s.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			s.Log.line(lines.Text())
			if m := servingAt.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
		s.done <- s.Cmd.Wait()
	}()
	t.Cleanup(func() { s.Kill() })
	select {
	case s.URL = <-found:
	case err := <-s.done:
		s.done <- err
		t.Fatalf("the server ended: %v\n%s", err, s.Log)
	case <-time.After(60 * time.Second):
		t.Fatalf("the server does not start\n%s", s.Log)
	}
	// Whose certificate it is, the test of TLS asks.
	anybody := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} // #nosec G402 -- only asks whether the server listens
	s.Eventually("ready", func() bool {
		r, err := anybody.Get(s.URL + "/readyz")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return s
}

func (s *Server) Eventually(what string, ok func() bool) {
	s.T.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	s.T.Fatalf("never %s\n%s", what, s.Log)
}

// Kill is kill -9; nothing happens when the process has ended.
func (s *Server) Kill() {
	_ = s.Cmd.Process.Kill()
	err := <-s.done
	s.done <- err
}

// Stop is the polite way, which must end without an error.
func (s *Server) Stop() {
	s.T.Helper()
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.T.Fatal(err)
	}
	select {
	case err := <-s.done:
		s.done <- err
		if err != nil {
			s.T.Fatalf("stopped with %v\n%s", err, s.Log)
		}
	case <-time.After(30 * time.Second):
		s.T.Fatalf("does not stop\n%s", s.Log)
	}
}

// Caller is somebody who is signed in, or nobody with an empty token.
type Caller struct {
	Server *Server
	Token  string
}

// Answer is a response, read whole.
type Answer struct {
	Status int
	Header http.Header
	Raw    []byte
	Body   map[string]any
}

func (a Answer) Str(path ...string) string {
	var v any = a.Body
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

func (a Answer) Items(key string) []map[string]any {
	list, _ := a.Body[key].([]any)
	out := make([]map[string]any, 0, len(list))
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// As signs in with a demo account.
func (s *Server) As(account string) *Caller {
	s.T.Helper()
	c := &Caller{Server: s}
	a := c.Do("POST", "/auth/login", map[string]any{"account": account, "password": demo.Password})
	if a.Status != http.StatusOK || a.Str("accessToken") == "" {
		s.T.Fatalf("sign in as %s: %d %s", account, a.Status, a.Raw)
	}
	c.Token = a.Str("accessToken")
	return c
}

// Try sends a request; header pairs follow the body. A string or bytes body is sent as it is. Reads wait for every
// command that was answered before, as the portal's do.
func (c *Caller) Try(ctx context.Context, method, path string, body any, header ...string) (Answer, error) {
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
			return Answer{}, err
		}
		r = bytes.NewReader(raw)
	}
	if !strings.HasPrefix(path, "/healthz") && !strings.HasPrefix(path, "/readyz") && !strings.HasPrefix(path, "/openapi") {
		path = "/api/v1" + path
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Server.URL+path, r)
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if last := c.Server.position.Load(); method == http.MethodGet && last > 0 && !strings.Contains(path, "after=") {
		req.Header.Set("X-After-Position", strconv.FormatUint(last, 10))
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	a := Answer{Status: res.StatusCode, Header: res.Header}
	if position, err := strconv.ParseUint(res.Header.Get("X-Position"), 10, 64); err == nil && method != http.MethodGet {
		for old := c.Server.position.Load(); old < position && !c.Server.position.CompareAndSwap(old, position); old = c.Server.position.Load() {
		}
	}
	if a.Raw, err = io.ReadAll(res.Body); err != nil {
		return a, err
	}
	_ = json.Unmarshal(a.Raw, &a.Body) // not every answer is JSON
	return a, nil
}

func (c *Caller) Do(method, path string, body any, header ...string) Answer {
	c.Server.T.Helper()
	a, err := c.Try(context.Background(), method, path, body, header...)
	if err != nil {
		c.Server.T.Fatalf("%s %s: %v\n%s", method, path, err, c.Server.Log)
	}
	return a
}

// Want sends a request and insists on a status, and on a problem's code where one is named.
func (c *Caller) Want(status int, code, method, path string, body any, header ...string) Answer {
	c.Server.T.Helper()
	a := c.Do(method, path, body, header...)
	if a.Status != status || code != "" && a.Str("code") != code {
		c.Server.T.Fatalf("%s %s: %d %s, want %d %s\n%s\n%s", method, path, a.Status, a.Str("code"), status, code, a.Raw, c.Server.Log.tail())
	}
	if status >= 400 {
		if ct := a.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/problem+json") {
			c.Server.T.Fatalf("%s %s: a problem as %q", method, path, ct)
		}
	}
	return a
}

// After reads what includes an earlier command.
func (c *Caller) After(position, path string) Answer {
	c.Server.T.Helper()
	return c.Want(http.StatusOK, "", "GET", path, nil, "X-After-Position", position)
}

// Upload attaches a file.
func (c *Caller) Upload(declaration, slot, recommender, name string, content []byte, header ...string) Answer {
	c.Server.T.Helper()
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
		c.Server.T.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = w.Close()
	return c.Do("POST", "/declarations/"+declaration+"/attachments", b.Bytes(), append([]string{"Content-Type", w.FormDataContentType()}, header...)...)
}

// Run runs the program with arguments until it ends. What it writes to standard error is the error when it fails.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	path, err := Binary()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...) // #nosec G204 -- the binary under test
	cmd.Stdout, cmd.Stderr = stdout, io.MultiWriter(stderr, &said)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s (%w)", strings.TrimSpace(said.String()), err)
	}
	return nil
}
