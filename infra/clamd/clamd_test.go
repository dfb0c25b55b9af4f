package clamd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"zhiping/infra/clamd"
	"zhiping/infra/clamd/clamdtest"
)

func client(t *testing.T, address string) *clamd.Client {
	t.Helper()
	c, err := clamd.New(address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContentOfAnySizeArrivesWhole(t *testing.T) {
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 5<<20 + 3} {
		content := bytes.Repeat([]byte("abcdefg"), size/7+1)[:size]
		got := make(chan []byte, 1)
		c := client(t, clamdtest.Serve(t, func(b []byte) string { got <- b; return "stream: OK\x00" }))
		if virus, err := c.Scan(context.Background(), bytes.NewReader(content)); err != nil || virus != "" {
			t.Fatalf("%d bytes: %q, %v", size, virus, err)
		}
		if b := <-got; !bytes.Equal(b, content) {
			t.Fatalf("%d bytes arrived of %d", len(b), size)
		}
	}
}

func TestAnswers(t *testing.T) {
	for name, ex := range map[string]struct {
		answer, virus, fault string
	}{
		"clean":                 {"stream: OK\x00", "", ""},
		"infected":              {"stream: Win.Test.EICAR_HDB-1 FOUND\x00", "Win.Test.EICAR_HDB-1", ""},
		"too much for it":       {"INSTREAM size limit exceeded. ERROR\x00", "", "size limit exceeded"},
		"a name is missing":     {"stream:  FOUND\x00", "", "it says"},
		"of another command":    {"PONG\x00", "", "PONG"},
		"nothing":               {"", "", "no answer"},
		"half an answer":        {"stream: O", "", "no answer"},
		"an answer without end": {strings.Repeat("x", 1<<20), "", "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, clamdtest.Serve(t, func([]byte) string { return ex.answer }))
			virus, err := c.Scan(context.Background(), strings.NewReader("content"))
			if virus != ex.virus || (err != nil) != (ex.fault != "") || err != nil && !strings.Contains(err.Error(), ex.fault) {
				t.Fatalf("%q, %v", virus, err)
			}
		})
	}
}

// The daemon says why before all is sent, and hangs up.
func TestAnEarlyRefusalIsHeard(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "clamd.sock"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.CopyN(io.Discard, conn, 100<<10)
		_, _ = io.WriteString(conn, "INSTREAM size limit exceeded. ERROR\x00")
		_ = conn.Close()
	}()
	defer func() { _ = l.Close(); <-done }()
	_, err = client(t, "unix://"+l.Addr().String()).Scan(context.Background(), bytes.NewReader(make([]byte, 8<<20)))
	if err == nil || !strings.Contains(err.Error(), "size limit exceeded") {
		t.Fatal(err)
	}
}

func TestWhatHappensWithoutADaemon(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "tcp://" + l.Addr().String()
	_ = l.Close()
	if _, err := client(t, gone).Scan(context.Background(), strings.NewReader("x")); err == nil {
		t.Fatal("nobody listens, and all is well")
	}

	// One that takes the content and never answers: the caller's patience counts.
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	silent := clamdtest.Serve(t, func([]byte) string { cancel(); <-release; return "" })
	defer close(release)
	if _, err := client(t, silent).Scan(ctx, strings.NewReader("x")); err == nil {
		t.Fatal("no answer, and all is well")
	}

	broken := errors.New("broken")
	if _, err := client(t, clamdtest.Serve(t, clamdtest.Found)).Scan(context.Background(), io.MultiReader(strings.NewReader("x"), errReader{broken})); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "127.0.0.1:3310", "tcp://host", "http://x:1", "unix://rel/path", "tcp://h:1/x", "%"} {
		if _, err := clamd.New(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }
