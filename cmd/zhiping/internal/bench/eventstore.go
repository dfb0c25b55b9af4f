package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/infra/esdbserver"
	"zhiping/infra/esdbserver/bench"
)

// Eventstore measures an event store: the one that a connection string names, or an embedded one of its own
// in a temporary directory.
type Eventstore struct {
	Eventstore string        `help:"Connection string. Default: an embedded event store in a temporary directory."`
	Callers    []int         `help:"Degrees of concurrency." default:"1,8,32,128"`
	Duration   time.Duration `help:"How long each is measured." default:"5s"`
	Payload    int           `help:"Bytes of data an event." default:"256"`
	Events     int           `help:"Events to read and subscribe to." default:"50000"`
}

// Run prints a table and a line of JSON.
func (c Eventstore) Run(ctx context.Context, out io.Writer) (err error) {
	text, address := c.Eventstore, ""
	if text == "" {
		node.TuneCollector()
		dir, err := os.MkdirTemp("", "zhiping-bench")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		s, err := esdbserver.Open(ctx, esdbserver.Config{Path: dir, Socket: filepath.Join(dir, "es.sock")})
		if err != nil {
			return err
		}
		defer func() {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			err = errors.Join(err, s.Close(closing))
		}()
		text, address = s.ConnectionString(), s.Endpoint()
	}
	conf, err := esdb.ParseConnectionString(text)
	if err != nil {
		return fmt.Errorf("connection string: %w", err)
	}
	if conf.Logger = esdb.NoopLogging(); address != "" {
		conf.Address = address
	}
	r, err := bench.Run(ctx, conf, bench.Config{
		Callers: c.Callers, Duration: c.Duration, Payload: c.Payload, Events: c.Events,
	})
	if err != nil {
		return err
	}
	return bench.Print(out, r)
}
