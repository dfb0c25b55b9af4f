package eventstore

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Config says how to reach an event store. The zero value of every field but the first has a default.
type Config struct {
	// ConnectionString as EventStoreDB documents it: esdb://… or esdb+discover://…. Empty is allowed with Address.
	ConnectionString string
	// Address overrides the string's host with any address that gRPC can dial, such as unix:///path of the
	// embedded server's socket.
	Address string
	// Logger gets reconnections and drops. Nil: nothing is logged.
	Logger *slog.Logger
	// Timeout bounds an append, and finding a connection, when the context does not do so sooner. Default 10 s.
	Timeout time.Duration
	// MaxAppend is the largest append in bytes that the server takes. Default 1 MiB, the server's own default.
	MaxAppend int
	// Tracer makes a span of each append, within the trace of its context. Nil: nothing is traced.
	Tracer trace.Tracer
	// Observe gets what happens on the connections, for metrics. Optional.
	Observe Observer
}

// Observer is told about appends and reconnections. Its methods are called concurrently and must not block.
type Observer struct {
	// Append is called after each append with its duration and outcome.
	Append func(took time.Duration, err error)
	// Reconnect is called whenever a connection or a subscription was lost, with its name and the reason.
	Reconnect func(name string, cause error)
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.MaxAppend <= 0 {
		c.MaxAppend = 1 << 20
	}
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider().Tracer("")
	}
	if c.Observe.Append == nil {
		c.Observe.Append = func(time.Duration, error) {}
	}
	if c.Observe.Reconnect == nil {
		c.Observe.Reconnect = func(string, error) {}
	}
	return c
}

// parse makes the client configuration. The client's own logger is off: it prints to the console by default.
func (c Config) parse() (esdb.Configuration, error) {
	text := c.ConnectionString
	if text == "" {
		if c.Address == "" {
			return esdb.Configuration{}, errors.New("eventstore: neither connection string nor address")
		}
		text = "esdb://embedded?tls=false"
	}
	conf, err := esdb.ParseConnectionString(text)
	if err != nil {
		return esdb.Configuration{}, fmt.Errorf("eventstore: connection string: %w", err)
	}
	if c.Address != "" {
		conf.Address, conf.GossipSeeds, conf.DnsDiscover = c.Address, nil, false
	}
	conf.Logger = esdb.NoopLogging()
	return *conf, nil
}

// probing is the configuration of a client that only finds out whether there is a server: it gives up at once,
// since the waiting between attempts is ours.
func probing(conf esdb.Configuration) *esdb.Configuration {
	conf.MaxDiscoverAttempts, conf.GossipTimeout = 1, min(max(conf.GossipTimeout, 1), 5)
	return &conf
}

// lasting is the configuration of a client that is lent out: it never gives up and so never dies. A caller that
// meets it while it looks for a server is not stuck, because calls are watched (see conn.do).
func lasting(conf esdb.Configuration) *esdb.Configuration {
	conf.MaxDiscoverAttempts = math.MaxInt
	return &conf
}
