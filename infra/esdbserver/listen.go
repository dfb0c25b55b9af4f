package esdbserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// maxSocketPath is the longest path of a Unix socket that works on every system (macOS: 104 bytes with the end).
const maxSocketPath = 100

// ErrSocketPath is what Open answers when a socket path is too long and the temporary directory's is too.
var ErrSocketPath = errors.New("path too long for a unix socket")

// listenUnix listens on a socket that only this user can connect to. The function it answers removes what it made.
func listenUnix(ctx context.Context, path string) (net.Listener, string, func(), error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, "", nil, err
	}
	cleanup := func() {}
	if len(abs) > maxSocketPath {
		dir, err := os.MkdirTemp("", "esdb")
		if err != nil {
			return nil, "", nil, err
		}
		note := noteOf(abs)
		cleanup = func() { _ = errors.Join(os.RemoveAll(dir), os.Remove(note)) }
		if abs = filepath.Join(dir, "es.sock"); len(abs) > maxSocketPath {
			cleanup()
			return nil, "", nil, fmt.Errorf("%w: %s", ErrSocketPath, path)
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(note), 0o700), os.WriteFile(note, []byte(abs), 0o600)); err != nil {
			cleanup()
			return nil, "", nil, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o700); err != nil {
		cleanup()
		return nil, "", nil, err
	}
	if err := removeStale(ctx, abs); err != nil {
		cleanup()
		return nil, "", nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", abs)
	if err == nil {
		if err = os.Chmod(abs, 0o600); err != nil {
			err = errors.Join(err, l.Close())
		}
	}
	if err != nil {
		cleanup()
		return nil, "", nil, err
	}
	return l, abs, cleanup, nil
}

// noteOf is the file that tells where a socket is whose path was too long.
func noteOf(socket string) string { return socket + ".path" }

// EndpointOf is what a client dials to reach the server that was opened with a socket, maybe by another process.
func EndpointOf(socket string) (string, error) {
	abs, err := filepath.Abs(socket)
	if err != nil {
		return "", err
	}
	if len(abs) <= maxSocketPath {
		return "unix://" + abs, nil
	}
	elsewhere, err := os.ReadFile(noteOf(abs)) // #nosec G304 -- beside the server's own files
	if err != nil {
		return "", fmt.Errorf("where the event store listens: %w", err)
	}
	return "unix://" + string(elsewhere), nil
}

// removeStale removes the socket that a killed process has left behind, but never one that somebody answers on.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is not a socket", path)
	}
	d := net.Dialer{Timeout: time.Second}
	if c, err := d.DialContext(ctx, "unix", path); err == nil {
		return errors.Join(fmt.Errorf("%w: somebody listens on %s", ErrLocked, path), c.Close())
	}
	return os.Remove(path)
}

func listenTCP(ctx context.Context, addr string, conf *tls.Config) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if conf != nil {
		conf = conf.Clone()
		conf.NextProtos = []string{"h2"}
		return tls.NewListener(l, conf), nil
	}
	return l, nil
}
