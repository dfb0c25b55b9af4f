package projections_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/commands"
	"zhiping/infra/eventstore"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels/sqlite"
)

// TestMain makes a projector of the test binary when it is started as the victim of the crash test.
func TestMain(m *testing.M) {
	if address := os.Getenv("ZHIPING_CRASH_FEED"); address != "" {
		if err := victim(address, os.Getenv("ZHIPING_CRASH_STORE")); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// victim projects in small batches, so that there are many points at which it can die.
func victim(address, path string) error {
	codec, err := eventstore.NewCodec(commands.EventTypes()...)
	if err != nil {
		return err
	}
	client, err := eventstore.Open(eventstore.Config{Address: address}, codec)
	if err != nil {
		return err
	}
	store, err := sqlite.New(sqlite.Config{Path: path})
	if err != nil {
		return err
	}
	p, err := projections.NewProjector(projections.Config{
		Feed: eventstore.NewFeed(client, "victim"), Store: store, Folds: folds.All(), MaxBatch: 20, MaxSpool: 16 << 10, Linger: time.Millisecond,
		Observer: observed(func(c projections.Commit) {
			if c.Events > 0 { // in all views
				_, _ = os.Stdout.WriteString(".")
			}
		}),
	})
	if err != nil {
		return err
	}
	return p.Run(context.Background())
}

// TestViewsSurviveKills kills the projecting process at random points while events keep coming, and compares every
// view with the fold of all events from nothing. With -tags long it does so at 100 points.
func TestViewsSurviveKills(t *testing.T) {
	s := newStack(t)
	path := filepath.Join(s.dir, "views.db")
	var appending sync.WaitGroup
	stop := make(chan struct{})
	appended := 0
	appending.Go(func() {
		for ; ; appended += 10 {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				s.declare(t, appended, appended+10)
			}
		}
	})
	progress := 0
	last := uint64(0)
	for i := range kills {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "ZHIPING_CRASH_FEED="+s.server.Endpoint(), "ZHIPING_CRASH_STORE="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		if i%4 != 3 { // one in four dies while it starts; the others some time after their first commit
			_, err = out.Read(make([]byte, 1))
			require.NoError(t, err)
		}
		time.Sleep(rand.N(200 * time.Millisecond))
		require.NoError(t, cmd.Process.Signal(syscall.SIGKILL), "died of itself at kill %d", i)
		require.Error(t, cmd.Wait(), "killed")
		store := openStore(t, path)
		at, _, err := store.Checkpoint(t.Context(), folds.History().Spec().Name, folds.History().Spec().Version)
		require.NoError(t, err)
		require.GreaterOrEqual(t, at, last, "a checkpoint went back")
		if at > last {
			progress++
		}
		last = at
		require.NoError(t, store.Close(t.Context()))
	}
	close(stop)
	appending.Wait()
	require.Positive(t, progress, "no victim lived long enough to commit")
	t.Logf("%d kills, %d of them behind new commits, %d events", kills, progress, appended*10)

	store := openStore(t, path)
	p := start(t, projections.Config{Feed: eventstore.NewFeed(s.client, "last"), Store: store, Folds: folds.All()})
	require.Eventually(t, p.CaughtUp, time.Minute, time.Millisecond)
	p.Stop()
	mustAgree(t, store, s.everything(t))
	require.NoError(t, store.Close(t.Context()))
}

// TestAnySuffixTwiceIsOnce projects a history, forgets the documents' checkpoint at every possible place in turn, as
// a store without transactions may after a crash, and projects again: documents that include an event keep it once.
func TestAnySuffixTwiceIsOnce(t *testing.T) {
	events := history(40, 3)
	events = append(events, event(2000, "k1", 0, false), event(2010, "k1", 4, false))
	for back := range len(events) {
		store := newMemory()
		stopped(t, config(store, newLog(events...), tallies(1), totals()))
		store.rewind(events[back].Position - 1)
		stopped(t, config(store, newLog(events...), tallies(1), totals()))
		mustEqualFold(t, store, tallies(1), events)
		mustEqualFold(t, store, totals(), events)
	}
}
