package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/domain/catalog"
)

// target is the server under attack, in a process of its own.
type target struct {
	address string
	data    string
	limits  Abuse
	log     *os.File
	process *process
	most    atomic.Int64
	watch   sync.WaitGroup

	mu      sync.Mutex
	answers map[int]int // how often each status was answered to attackers since the last call of taken

	tokens      map[string]string
	declaration string // a draft of the attacker
}

// process is one run of the server.
type process struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	err    error         // why; read once done is closed
	killed atomic.Bool   // by the watch
}

// errMemory is why the watch ended the server.
var errMemory = errors.New("killed: more memory than it may take")

// startTarget runs this program as a demo server in a folder of its own.
func (c Abuse) startTarget(ctx context.Context) (*target, error) {
	dir, err := os.MkdirTemp("", "zhiping-abuse")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log, err := c.openLog()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	t := &target{address: address, data: dir, limits: c, log: log, tokens: map[string]string{}, answers: map[int]int{}}
	if err := t.launch(ctx); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// launch starts the server, anew on the same data where it has ended. The shell sets the limit of files; a watch enforces
// that of memory, as the kernel would in a container, and GOMEMLIMIT tells the collector.
func (t *target) launch(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", `ulimit -n "$1"; shift; exec "$@"`, "sh", strconv.Itoa(t.limits.Files), // #nosec G204 -- this program
		program, "serve", "--demo", "--addr", t.address, "--data", t.data)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%dMiB", t.limits.Memory*7/8))
	cmd.Stdout, cmd.Stderr = t.log, t.log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	t.process = p
	t.watch.Go(func() {
		if p.err = cmd.Wait(); p.killed.Load() {
			p.err = errMemory
		}
		close(p.done)
	})
	t.watch.Go(func() { t.watchMemory(p, int64(t.limits.Memory)<<20) })
	for !isReady(ctx, t.address) {
		select {
		case <-p.done:
			return fmt.Errorf("bench: the server does not start: %w", p.err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (t *target) ended() bool {
	select {
	case <-t.process.done:
		return true
	default:
		return false
	}
}

func (t *target) stop() {
	if p := t.process; p != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(20 * time.Second):
			_ = p.cmd.Process.Kill()
		}
	}
	t.watch.Wait()
	_ = t.log.Close()
	_ = os.RemoveAll(t.data)
}

// watchMemory adds up the resident memory of the server and its children, and kills the server beyond the limit.
func (t *target) watchMemory(p *process, limit int64) {
	for {
		select {
		case <-p.done:
			return
		case <-time.After(25 * time.Millisecond):
		}
		now := residentOfTree(p.cmd.Process.Pid)
		if now > t.most.Load() {
			t.most.Store(now)
		}
		if now > limit {
			p.killed.Store(true)
			_ = p.cmd.Process.Kill()
		}
	}
}

func (t *target) resetPeak() { t.most.Store(0) }

// peak is the highest memory since resetPeak, in MiB.
func (t *target) peak() int { return int(t.most.Load() >> 20) }

// residentOfTree is the resident memory of a process and its children, from proc(5); 0 where there is none.
func residentOfTree(pid int) int64 {
	total := residentOf(pid)
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(task) // #nosec G304 -- of the system
		for _, child := range strings.Fields(string(children)) {
			if id, err := strconv.Atoi(child); err == nil {
				total += residentOf(id)
			}
		}
	}
	return total
}

func residentOf(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(raw))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func (t *target) count(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers[status]++
}

// taken are the answers since the last call.
func (t *target) taken() map[int]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.answers
	t.answers = map[int]int{}
	return out
}

// person calls the API, signed in with an account, or not with "".
type person struct {
	t     *target
	quiet bool // answers are not counted
	token string
	http  *http.Client
}

func (t *target) person(account string) *person {
	return &person{t: t, token: t.tokens[account], http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// do calls the API below its base path.
func (p *person) do(ctx context.Context, method, path string, body any, header ...string) (int, []byte, error) {
	return p.at(ctx, method, "/api/v1"+path, body, header...)
}

// at answers the status and the first MiB of the body.
func (p *person) at(ctx context.Context, method, path string, body any, header ...string) (int, []byte, error) {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.t.address+path, r)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := p.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if !p.quiet {
		p.t.count(res.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, raw, err
}

// prepare signs people in and starts a draft for the attacker.
func (t *target) prepare(ctx context.Context) error {
	nobody := t.person("")
	for _, account := range []string{"applicant", "applicant2", "unit", "department", "bureau", "auditor", "analyst", "admin"} {
		_, raw, err := nobody.do(ctx, "POST", "/auth/login", map[string]any{"account": account, "password": demo.Password})
		var session struct{ AccessToken string }
		if err := errors.Join(err, json.Unmarshal(raw, &session)); err != nil || session.AccessToken == "" {
			return fmt.Errorf("bench: sign in as %s: %s %w", account, raw, err)
		}
		t.tokens[account] = session.AccessToken
	}
	definitions, err := catalog.Load(nil)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	d, _ := definitions.Definition("title.regular")
	checked := map[string]bool{}
	for _, item := range d.SelfCheck {
		checked[item.Key] = true
	}
	attacker := t.person("applicant2")
	var me, made struct{ ID string }
	for _, step := range []struct {
		by     *person
		method string
		path   func() string
		body   any
		into   any
	}{
		{attacker, "GET", func() string { return "/me" }, nil, &me},
		{attacker, "POST", func() string { return "/bindings" }, map[string]any{"uscc": demo.Units[0].USCC}, nil},
		{t.person("unit"), "POST", func() string { return "/bindings/" + me.ID + "/approve" }, map[string]any{}, nil},
		{attacker, "POST", func() string { return "/declarations" }, map[string]any{"noticeId": demo.NoticeID("title.regular"), "selfCheck": checked}, &made},
	} {
		status, raw, err := step.by.do(ctx, step.method, step.path(), step.body)
		if err == nil && status >= 300 {
			err = fmt.Errorf("%d %s", status, raw)
		}
		if err == nil && step.into != nil {
			err = json.Unmarshal(raw, step.into)
		}
		if err != nil {
			return fmt.Errorf("bench: prepare %s: %w", step.path(), err)
		}
	}
	t.declaration = made.ID
	return t.control(ctx)
}

// control makes sure that the attacker may do what the attacks do: a refusal of everything would look like a defence.
func (t *target) control(ctx context.Context) error {
	attacker, at := t.person("applicant2"), "/declarations/"+t.declaration
	must := func(want int, method, path string, body any, header ...string) error {
		status, raw, err := attacker.do(ctx, method, at+path, body, header...)
		if err == nil && status != want {
			err = fmt.Errorf("%d %s", status, raw)
		}
		if err != nil {
			return fmt.Errorf("bench: %s %s: %w", method, path, err)
		}
		return nil
	}
	file, kind := uploadBody("education_proof", "a.pdf", plainPDF("control"))
	err := errors.Join(
		must(200, "PUT", "/modules/basic", map[string]any{}),
		must(200, "PUT", "/modules/education", map[string]any{}),
		must(200, "PUT", "/modules/summary", map[string]any{}),
		must(201, "POST", "/attachments", file, "Content-Type", kind))
	t.taken()
	return err
}
