package ferretdbtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
	"zhiping/readmodels/mongo"
)

// TestMain makes a projector node of the test binary when a test starts it as one.
func TestMain(m *testing.M) {
	if os.Getenv("ZHIPING_NODE") == "" {
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// child projects and writes a point a commit.
func child() error {
	codec, err := eventstore.NewCodec(commands.EventTypes()...)
	if err != nil {
		return err
	}
	client, err := eventstore.Open(eventstore.Config{Address: os.Getenv("ZHIPING_NODE_FEED")}, codec)
	if err != nil {
		return err
	}
	store, err := newStore(os.Getenv("ZHIPING_NODE_STORE"), os.Getenv("ZHIPING_NODE_DATABASE"))
	if err != nil {
		return err
	}
	cfg := node(client, store, os.Getenv("ZHIPING_NODE"))
	cfg.Observer, cfg.Logger = points{}, slog.New(slog.NewTextHandler(os.Stderr, nil))
	p, err := projections.NewProjector(cfg)
	if err != nil {
		return err
	}
	return p.Run(context.Background())
}

type points struct{}

func (points) Committed(projections.Commit) { _, _ = os.Stdout.WriteString(".") }
func (points) Failed(string, error)         {}
func (points) Parked(string, int, int)      {}
func (points) Stopped(bool)                 {}
func (points) Backlog(string, int, bool)    {}

func newStore(uri, database string) (*mongo.Store, error) {
	return mongo.New(mongo.Config{URI: uri, Database: database, ChunkSize: 50, RetryFor: 5 * time.Second})
}

// node is a projector as the product runs it, with the product's lease.
func node(client *eventstore.Client, store readmodels.Store, owner string) projections.Config {
	return projections.Config{Feed: eventstore.NewFeed(client, owner), Store: store, Folds: folds.All(), Owner: owner, Linger: time.Millisecond}
}

// cluster is an event store and a database that several nodes share.
type cluster struct {
	*testing.T
	client        *eventstore.Client
	feed          string
	uri, database string
	last          uint64 // position of the newest event
	declared      int
}

func newCluster(t *testing.T, uri string) *cluster {
	dir, err := os.MkdirTemp("", "fd") // short, for the socket's path
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	server, err := esdbserver.Open(t.Context(), esdbserver.Config{Path: filepath.Join(dir, "es"), Socket: filepath.Join(dir, "s")})
	require.NoError(t, err)
	codec, err := eventstore.NewCodec(commands.EventTypes()...)
	require.NoError(t, err)
	client, err := eventstore.Open(eventstore.Config{Address: server.Endpoint()}, codec)
	require.NoError(t, err)
	c := &cluster{T: t, client: client, feed: server.Endpoint(), uri: uri, database: "zhiping_test_" + rand.Text()[:10]}
	t.Cleanup(func() {
		client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Close(ctx)
		drop(t, uri, c.database)
	})
	return c
}

// declare appends the events of some more declarations, each returned once and approved by its unit.
func (c *cluster) declare(n int) {
	c.Helper()
	unit, office := domain.Organization{ID: "12220000127701509T", Name: "示范大学"}, domain.Organization{ID: "dept-1", Name: "主管部门"}
	route := []declaration.Stage{{Key: "unit", Kind: "unit", Organization: unit}, {Key: "department", Kind: "department", Organization: office}}
	names := map[string]string{}
	for _, t := range commands.EventTypes() {
		names[fmt.Sprintf("%T", t.Zero)] = t.Name
	}
	for range n {
		c.declared++
		id := domain.DerivedID("d", fmt.Sprint(c.declared))
		submitted := declaration.Submitted{Round: 1, Unit: unit, Department: office, Route: route, Stage: "unit"}
		again := submitted
		again.Round = 2
		var events []domain.Proposed
		for _, e := range []declaration.Event{
			declaration.Started{ID: id, Number: fmt.Sprint(c.declared), Notice: declaration.NoticeRef{ID: domain.DerivedID("n"), Type: "title.regular"},
				Applicant: domain.Organization{ID: fmt.Sprint("applicant-", c.declared)}, Unit: unit, Department: office},
			declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王一","papers":[{"title":"论文甲","year":2024}]}`)},
			submitted, declaration.Returned{Stage: "unit", Organization: unit, Opinion: "请更正", Modules: []string{"basic"}},
			again, declaration.StageApproved{Stage: "unit", Organization: unit, Next: "department"},
		} {
			events = append(events, domain.Proposed{ID: uuid.New(), Type: names[fmt.Sprintf("%T", e)], Event: e,
				Meta: domain.Metadata{At: time.Now().UTC(), Actor: "someone", Role: domain.Applicant, CommandID: uuid.New()}})
		}
		done, err := c.client.Append(c.Context(), domain.Stream(domain.CategoryDeclaration, id.String()), commands.NoStream, events)
		require.NoError(c, err)
		c.last = done.Position
	}
}

// process is a projector node in a process of its own.
type process struct {
	*cluster
	cmd     *exec.Cmd
	commits io.Reader
	log     *safe
}

type safe struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *safe) has(text string) bool {
	return strings.Contains(s.String(), text)
}

func (c *cluster) process(owner string) *process {
	c.Helper()
	p := &process{cluster: c, cmd: exec.Command(os.Args[0]), log: &safe{}}
	p.cmd.Env = append(os.Environ(), "ZHIPING_NODE="+owner, "ZHIPING_NODE_FEED="+c.feed, "ZHIPING_NODE_STORE="+c.uri, "ZHIPING_NODE_DATABASE="+c.database)
	p.cmd.Stderr = p.log
	var err error
	p.commits, err = p.cmd.StdoutPipe()
	require.NoError(c, err)
	require.NoError(c, p.cmd.Start())
	c.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	return p
}

// committed waits for a commit.
func (p *process) committed() {
	p.Helper()
	_, err := io.ReadFull(p.commits, make([]byte, 1))
	require.NoError(p, err, p.log)
}

func (p *process) signal(s syscall.Signal) { p.Helper(); require.NoError(p, p.cmd.Process.Signal(s)) }

func (p *process) kill() {
	p.Helper()
	p.signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// start runs a node in this process, on a store of its own.
func (c *cluster) start(owner string) *projections.Projector {
	c.Helper()
	store, err := newStore(c.uri, c.database)
	require.NoError(c, err)
	p, err := projections.NewProjector(node(c.client, store, owner))
	require.NoError(c, err)
	failed := make(chan error, 1)
	go func() { failed <- p.Run(context.Background()) }()
	c.Cleanup(func() {
		p.Stop()
		require.NoError(c, <-failed)
		require.NoError(c, store.Close(context.Background()))
	})
	return p
}

// includeAll waits until every view includes all events.
func (c *cluster) includeAll() {
	c.Helper()
	store, err := newStore(c.uri, c.database)
	require.NoError(c, err)
	defer func() { require.NoError(c, store.Close(context.Background())) }()
	for _, f := range folds.All() {
		require.Eventually(c, func() bool {
			at, _, err := store.Checkpoint(c.Context(), f.Spec().Name, f.Spec().Version)
			return err == nil && at >= c.last
		}, 2*time.Minute, 20*time.Millisecond, "%s does not catch up", f.Spec().Name)
	}
}

// mustAgree compares every view with the fold of all events from nothing.
func (c *cluster) mustAgree() {
	c.Helper()
	page, err := c.client.ReadAll(c.Context(), eventstore.All{Limit: 10_000})
	require.NoError(c, err)
	require.False(c, page.More)
	require.Len(c, page.Events, 6*c.declared)
	store, err := newStore(c.uri, c.database)
	require.NoError(c, err)
	defer func() { require.NoError(c, store.Close(context.Background())) }()
	for _, f := range folds.All() {
		want, err := projections.Documents(f, page.Events...)
		require.NoError(c, err)
		got, err := store.Find(c.Context(), f.Spec(), readmodels.Query{Limit: readmodels.MaxLimit})
		require.NoError(c, err)
		for _, d := range got {
			a, err := json.Marshal(want[d.ID])
			require.NoError(c, err)
			b, err := json.Marshal(d.Doc)
			require.NoError(c, err)
			require.JSONEq(c, string(a), string(b), "%s %s", f.Spec().Name, d.ID)
		}
		require.Equal(c, len(want), len(got), f.Spec().Name)
	}
}

// servers runs a test on FerretDB, and on a real MongoDB where one is named.
func servers(t *testing.T, run func(*cluster)) {
	t.Run("FerretDB", func(t *testing.T) { run(newCluster(t, server(t))) })
	t.Run("MongoDB", func(t *testing.T) {
		uri := os.Getenv("ZHIPING_TEST_MONGODB")
		if uri == "" {
			t.Skip("ZHIPING_TEST_MONGODB names no server")
		}
		run(newCluster(t, uri))
	})
}

// A store without transactions is left with half a commit by a kill. The next node of that name has the lease at once,
// folds again what the checkpoint does not include, and every view is the fold of the events.
func TestViewsSurviveKills(t *testing.T) {
	servers(t, func(c *cluster) {
		for range 6 {
			c.declare(2)
			p := c.process("node")
			p.committed()
			c.declare(3) // another commit, in which it dies
			time.Sleep(mathrand.N(300 * time.Millisecond))
			p.kill()
		}
		p := c.start("node")
		c.includeAll()
		p.Stop()
		c.mustAgree()
	})
}

// While one node leads the other waits; when the leader is killed, the other leads in less than 10 s.
func TestAnotherNodeTakesOver(t *testing.T) {
	servers(t, func(c *cluster) {
		c.declare(3)
		first := c.process("first")
		first.committed()
		second := c.start("second")
		c.declare(1)
		first.committed()
		require.False(t, second.Leading())
		first.kill()
		require.Eventually(c, second.Leading, 10*time.Second, 10*time.Millisecond)
		c.declare(1)
		c.includeAll()
		c.mustAgree()
	})
}

// A leader that was stopped long enough to lose its lease writes nothing when it goes on, waits its turn, and leads
// again when the other one ends.
func TestAPausedLeaderIsFencedOff(t *testing.T) {
	servers(t, func(c *cluster) {
		c.declare(4)
		first := c.process("first")
		first.committed()
		first.signal(syscall.SIGSTOP)
		second := c.start("second")
		require.Eventually(c, second.Leading, 10*time.Second, 10*time.Millisecond)
		c.includeAll()
		c.mustAgree()
		first.signal(syscall.SIGCONT)
		c.declare(2)
		require.Eventually(c, func() bool { return first.log.has("another node leads") }, 10*time.Second, 10*time.Millisecond)
		c.includeAll()
		c.mustAgree()
		require.True(c, second.Leading())

		second.Stop() // gives the lease up
		c.declare(1)
		c.includeAll()
		c.mustAgree()
	})
}
