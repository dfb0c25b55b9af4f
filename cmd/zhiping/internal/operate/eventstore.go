package operate

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/infra/esdbserver"
)

// Eventstore looks after the embedded event store by itself. Without a subcommand it serves.
type Eventstore struct {
	Serve  eventstoreServeCmd  `cmd:"" default:"withargs" help:"Serve EventStoreDB's protocol from a directory."`
	Verify eventstoreVerifyCmd `cmd:"" help:"Check a data directory, which a server may be using."`
	Backup eventstoreBackupCmd `cmd:"" help:"Copy a data directory, which a server may be using."`
	Hash   eventstoreHashCmd   `cmd:"" name:"hash-password" help:"Hash a password from standard input for the users file."`
}

type eventstoreServeCmd struct {
	Data        string `help:"Data directory." required:"" type:"path"`
	Addr        string `help:"TCP address. Anything but loopback needs --tls-cert, --tls-key and --users." default:"127.0.0.1:2113"`
	Socket      string `help:"Unix socket, besides the address." type:"path"`
	TLSCert     string `help:"Certificate file (PEM)." type:"existingfile"`
	TLSKey      string `help:"Key file (PEM)." type:"existingfile"`
	Users       string `help:"File of accounts: name:bcrypt-hash:group,group on each line." type:"existingfile"`
	Advertise   string `help:"host:port that clients are told to connect to. Default: the address."`
	MaxAppend   int    `help:"Largest append in bytes." default:"1048576"`
	Projections bool   `help:"Write the system projections: $$ce-… by category, $$et-… by event type."`
}

// Run serves until ctx ends.
func (c eventstoreServeCmd) Run(ctx context.Context, out io.Writer) error {
	cfg := esdbserver.Config{
		Path: c.Data, Addr: c.Addr, Socket: c.Socket, Advertise: c.Advertise, MaxAppend: c.MaxAppend,
		Projections: c.Projections, Logger: slog.New(slog.NewTextHandler(out, nil)),
	}
	node.TuneCollector()
	var err error
	if cfg.TLS, err = node.LoadTLS(c.TLSCert, c.TLSKey); err != nil {
		return err
	}
	if c.Users != "" {
		if cfg.Users, err = readUsers(c.Users); err != nil {
			return err
		}
	}
	s, err := esdbserver.Open(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "event store:", s.ConnectionString())
	<-ctx.Done()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return s.Close(closing)
}

// readUsers reads name:hash:groups lines; empty ones and those that begin with # are left out.
func readUsers(path string) ([]esdbserver.User, error) {
	data, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	var out []esdbserver.User
	for n, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, ":")
		if len(parts) < 2 || len(parts) > 3 {
			return nil, fmt.Errorf("users: %s line %d: want name:hash or name:hash:groups", filepath.Base(path), n+1)
		}
		u := esdbserver.User{Name: parts[0], PasswordHash: parts[1]}
		if len(parts) == 3 && parts[2] != "" {
			u.Groups = strings.Split(parts[2], ",")
		}
		out = append(out, u)
	}
	return out, nil
}

type eventstoreVerifyCmd struct {
	Data string `help:"Folder of the event store, or the data folder of serve." required:"" type:"existingdir"`
}

// Run prints what was found, and fails when the directory is damaged.
func (c eventstoreVerifyCmd) Run(ctx context.Context, out io.Writer) error {
	return esdbserver.Verify(ctx, eventsFolder(c.Data), out)
}

// eventsFolder is the folder of the event store: the named one, or the one below it where that is a data folder of serve.
func eventsFolder(data string) string {
	below := filepath.Join(data, eventsDir)
	if _, err := os.Stat(filepath.Join(data, "events.sqlite")); err == nil {
		return data
	}
	if _, err := os.Stat(filepath.Join(below, "events.sqlite")); err == nil {
		return below
	}
	return data
}

type eventstoreBackupCmd struct {
	Data string `help:"Folder of the event store, or the data folder of serve." required:"" type:"existingdir"`
	To   string `help:"New directory for the copy, which can be used as a data directory." required:"" type:"path"`
}

// Run copies the directory and checks the copy.
func (c eventstoreBackupCmd) Run(ctx context.Context, out io.Writer) error {
	if err := esdbserver.Backup(ctx, eventsFolder(c.Data), c.To); err != nil {
		return err
	}
	return esdbserver.Verify(ctx, c.To, out)
}

type eventstoreHashCmd struct{}

// Run reads one line, so that the password is neither in the arguments nor in the shell's history.
func (eventstoreHashCmd) Run(_ context.Context, out io.Writer) error {
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && line == "" {
		return fmt.Errorf("password: %w", err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(strings.TrimRight(line, "\r\n")), bcrypt.DefaultCost)
	if err != nil {
		return fmt.Errorf("password: %w", err)
	}
	_, err = fmt.Fprintln(out, string(hash))
	return err
}
