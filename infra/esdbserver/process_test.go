//go:build unix

package esdbserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"

	"zhiping/infra/esdbserver"
)

const childVar = "ESDBSERVER_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is a server in a process of its own. A number on its standard input limits the size of the files that it
// may write from then on, which is how a disk fills up; the end of the input ends it.
func child(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := esdbserver.Open(context.Background(), esdbserver.Config{Path: dir, Socket: filepath.Join(dir, "es.sock")})
	if err != nil {
		return err
	}
	fmt.Println("ready", s.Endpoint())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		n, err := strconv.ParseUint(in.Text(), 10, 64)
		if err != nil {
			return err
		}
		limit := syscall.Rlimit{Cur: n, Max: math.MaxUint64}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		fmt.Println("limited")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.Close(ctx)
}

// process is a running child.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	client *esdb.Client
	at     string // its endpoint
	dead   atomic.Bool
	ending sync.Once
}

func spawn(t testing.TB, dir string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childVar+"="+dir)
	p.cmd.Stderr = os.Stderr
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	p.out = bufio.NewScanner(out)
	require.True(t, p.out.Scan(), "the child did not start")
	conf, err := esdb.ParseConnectionString("esdb://embedded?tls=false")
	require.NoError(t, err)
	p.at = strings.TrimPrefix(p.out.Text(), "ready ")
	conf.Address, conf.Logger = p.at, esdb.NoopLogging()
	p.client, err = esdb.NewClient(conf)
	require.NoError(t, err)
	return p
}

// kill ends the process as a power cut would, as far as a process can tell.
func (p *process) kill() {
	p.dead.Store(true)
	p.ending.Do(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
}

// stop lets the process end by itself.
func (p *process) stop() (err error) {
	p.dead.Store(true)
	p.ending.Do(func() { err = errors.Join(p.in.Close(), p.cmd.Wait()) })
	return err
}

// limit makes writes beyond a size of a file fail from now on.
func (p *process) limit(bytes uint64) error {
	if _, err := fmt.Fprintln(p.in, bytes); err != nil {
		return err
	}
	if !p.out.Scan() {
		return errors.New("the child does not answer")
	}
	return nil
}

func rounds(short, long int) int {
	if os.Getenv("ESDBSERVER_LONG") != "" {
		return long
	}
	return short
}
