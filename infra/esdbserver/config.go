package esdbserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"zhiping/infra/esdbserver/internal/store"
)

// DefaultMaxAppend is the largest append in bytes unless configured otherwise, as on the official server.
const DefaultMaxAppend = 1 << 20

// ErrLocked is what Open answers while another process, or another Server, has the data directory open.
var ErrLocked = store.ErrLocked

// Config says where a server keeps its events and where it listens. Path and one of Socket and Addr are required.
type Config struct {
	// Path is the data directory. It is created if need be.
	Path string
	// Socket is the path of a Unix socket to listen on, for this user only; empty for none. A path too long for
	// the operating system is replaced by one in the temporary directory: ask Endpoint for the result.
	Socket string
	// Addr is a TCP address to listen on, such as 127.0.0.1:2113; empty for none. Anything but a loopback
	// address needs TLS and Users.
	Addr string
	// TLS makes the TCP listener speak TLS. The Unix socket never does.
	TLS *tls.Config
	// Users are the accounts that may connect over TCP. With any of them, every call needs basic credentials, and
	// stream ACLs apply; with none, all callers may do everything. Callers over the Unix socket always may: only
	// this user can open it.
	Users []User
	// Advertise is the host:port that Gossip gives to clients. Default: the address of the TCP listener.
	Advertise string
	// MaxAppend is the largest append in bytes. Default DefaultMaxAppend.
	MaxAppend int
	// Projections switches the system projections on: links by category in $ce-… and by event type in $et-….
	Projections bool
	// Logger gets what an operator should know. Nil: nothing is logged.
	Logger *slog.Logger
}

// Validate answers all faults at once.
func (c Config) Validate() error {
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("no data directory"))
	}
	if c.Socket == "" && c.Addr == "" {
		errs = append(errs, errors.New("neither a socket nor an address to listen on"))
	}
	if c.MaxAppend < 0 {
		errs = append(errs, errors.New("negative maximum append size"))
	}
	if c.Addr != "" {
		errs = append(errs, c.validateAddr())
	}
	for _, u := range c.Users {
		errs = append(errs, u.validate())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("event store configuration: %w", err)
	}
	return nil
}

func (c Config) validateAddr() error {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if isLoopback(host) {
		return nil
	}
	if c.TLS == nil || len(c.Users) == 0 {
		return fmt.Errorf("address %s is reachable from the network: it needs TLS and users", c.Addr)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (c Config) withDefaults() Config {
	if c.MaxAppend == 0 {
		c.MaxAppend = DefaultMaxAppend
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
