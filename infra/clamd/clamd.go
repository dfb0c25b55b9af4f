// Package clamd asks ClamAV's daemon whether content is infected, by its INSTREAM command (clamd(8)): the content goes
// over the connection, so that the daemon needs no access to our files. It imports nothing of ours.
//
// It is our own because the libraries there are either have no context and leave goroutines behind, or are no longer
// kept; the protocol is one command.
package clamd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
)

// Bounds on one scan.
const (
	dialTimeout  = 5 * time.Second
	quietTimeout = 30 * time.Second // for the daemon to take a chunk, and to answer
	chunkBytes   = 64 << 10
	maxReply     = 4 << 10
)

// Client talks to one daemon, with a connection for each scan. Safe for concurrent use.
type Client struct{ network, address string }

// New makes a client of a daemon at tcp://host:port or unix:///path. It does not connect yet.
func New(address string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("clamd: %w", err)
	}
	switch {
	case u.Scheme == "tcp" && u.Port() != "" && u.Path == "":
		return &Client{"tcp", u.Host}, nil
	case u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return &Client{"unix", u.Path}, nil
	}
	return nil, fmt.Errorf("clamd: %q is neither tcp://host:port nor unix:///path", address)
}

// Scan sends content and answers the name of what it is infected with, empty if it is clean. An error means that
// nothing is known of the content: the daemon could not be reached, gave up, or did not take so much.
func (c *Client) Scan(ctx context.Context, content io.Reader) (virus string, err error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, c.network, c.address)
	if err != nil {
		return "", fmt.Errorf("clamd: %w", err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	sent := send(ctx, conn, content)
	if errors.Is(sent, errContent) {
		return "", sent
	}
	// The daemon tells why it takes no more before it hangs up, so its answer says more than a failed write.
	reply, err := receive(ctx, conn)
	if err != nil {
		return "", fmt.Errorf("clamd: %w", errors.Join(sent, err))
	}
	return read(reply)
}

// errContent says that the fault is not the daemon's.
var errContent = errors.New("clamd: read content")

func send(ctx context.Context, conn net.Conn, content io.Reader) error {
	w := bufio.NewWriterSize(conn, chunkBytes+4)
	if _, err := w.WriteString("zINSTREAM\x00"); err != nil {
		return err
	}
	chunk := make([]byte, chunkBytes)
	for {
		n, err := io.ReadFull(content, chunk)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return fmt.Errorf("%w: %w", errContent, err)
		}
		if e := push(ctx, conn, w, chunk[:n]); e != nil {
			return e
		}
		if err != nil && n > 0 {
			return push(ctx, conn, w, nil)
		}
		if n == 0 {
			return nil // the empty chunk was the end
		}
	}
}

// push sends one chunk with its length before it; an empty one ends the content.
func push(ctx context.Context, conn net.Conn, w *bufio.Writer, chunk []byte) error {
	if err := patient(ctx, conn); err != nil {
		return err
	}
	if err := binary.Write(w, binary.BigEndian, uint32(len(chunk))); err != nil { // #nosec G115 -- at most chunkBytes
		return err
	}
	if _, err := w.Write(chunk); err != nil {
		return err
	}
	return w.Flush()
}

// patient gives the daemon time for its next step, but none once ctx has ended.
func patient(ctx context.Context, conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(quietTimeout)); err != nil {
		return err
	}
	return ctx.Err() // it may have ended before the deadline was moved
}

func receive(ctx context.Context, conn net.Conn) (string, error) {
	if err := patient(ctx, conn); err != nil {
		return "", err
	}
	reply, err := bufio.NewReader(io.LimitReader(conn, maxReply)).ReadString(0)
	if err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	return strings.TrimRight(reply, "\x00\n"), nil
}

// read understands “stream: OK”, “stream: <name> FOUND” and “… ERROR”.
func read(reply string) (virus string, err error) {
	if reply == "stream: OK" {
		return "", nil
	}
	if name, ok := strings.CutSuffix(reply, " FOUND"); ok {
		if name, ok = strings.CutPrefix(name, "stream: "); ok && name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("clamd: it says %q", reply)
}
