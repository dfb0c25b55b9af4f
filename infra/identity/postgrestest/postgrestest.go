// Package postgrestest runs a PostgreSQL of its own for tests.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrMissing says that no PostgreSQL is installed.
var ErrMissing = errors.New("PostgreSQL is not installed (Debian: postgresql), and ZHIPING_TEST_POSTGRES names none")

// Server is a PostgreSQL that listens on a Unix socket in a temporary folder, or the one that ZHIPING_TEST_POSTGRES
// names, whose user must be allowed to make schemas.
type Server struct {
	url     string // of a server that is not ours
	dir     string
	bin     string
	as      *syscall.Credential
	process *exec.Cmd
}

// Start starts a server. ErrMissing says that there is none to start.
func Start(ctx context.Context) (*Server, error) {
	if given := os.Getenv("ZHIPING_TEST_POSTGRES"); given != "" {
		return &Server{url: given}, nil
	}
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "zhiping-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	if os.Getuid() == 0 { // which PostgreSQL refuses to run as
		if s.as, err = somebodyElse(); err == nil {
			err = os.Chown(dir, int(s.as.Uid), int(s.as.Gid))
		}
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	initdb := s.command("initdb", "-D", filepath.Join(dir, "data"), "-U", "zhiping", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	if err := s.Resume(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", ErrMissing
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func somebodyElse() (*syscall.Credential, error) {
	who, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, program), args...) // #nosec G204 -- a test's own programs
	c.Dir = s.dir
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	return c
}

// Own tells whether the server is one that Stop may stop.
func (s *Server) Own() bool { return s.url == "" }

// Resume starts the server again after Stop, and returns when it answers.
func (s *Server) Resume(ctx context.Context) error {
	s.process = s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off")
	if err := s.process.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.URL(""))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server as a crash would, cutting every connection.
func (s *Server) Stop() error {
	if err := s.process.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	_ = s.process.Wait() // a stop of this kind may answer with a failure
	return nil
}

// Close ends the server and removes its folder.
func (s *Server) Close() error {
	if !s.Own() {
		return nil
	}
	var err error
	if s.process != nil && s.process.ProcessState == nil {
		err = s.Stop()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// URL is a connection string whose tables are in a schema of their own; "" is the server's usual one.
func (s *Server) URL(schema string) string {
	given := s.url
	if s.Own() {
		given = "postgres:///postgres?" + url.Values{"host": {s.dir}, "user": {"zhiping"}}.Encode()
	}
	u, err := url.Parse(given)
	if err != nil || schema == "" {
		return given
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// Fresh makes an empty schema and answers its connection string.
func (s *Server) Fresh(ctx context.Context, name string) (string, error) {
	c, err := pgx.Connect(ctx, s.URL(""))
	if err != nil {
		return "", err
	}
	defer c.Close(ctx) //nolint:errcheck // nothing is lost
	name = pgx.Identifier{name}.Sanitize()
	if _, err := c.Exec(ctx, "DROP SCHEMA IF EXISTS "+name+" CASCADE; CREATE SCHEMA "+name); err != nil {
		return "", err
	}
	return s.URL(name), nil
}
