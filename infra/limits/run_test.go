package limits_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/infra/identity/postgrestest"
	"zhiping/infra/limits"
	"zhiping/infra/limits/limitstest"
)

// stuck is a ledger that does not answer until it is given up.
type stuck struct{ limitstest.Memory }

func (*stuck) Hear(ctx context.Context, _ string, since time.Time, _ func(string, limits.Count, time.Duration)) (time.Time, error) {
	<-ctx.Done()
	return since, ctx.Err()
}

// No request waits for a ledger that hangs, and the end of the process does not either.
func TestAHangingLedgerHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := limits.NewExchange(&stuck{limitstest.Memory{Clock: time.Now}}, "a", time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		l := e.Limit("callers", 10)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { e.Run(ctx) })
		began := time.Now()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		require.Zero(t, l.Take("x"))
		cancel()
		wg.Wait()
		require.Equal(t, 30*time.Second, time.Since(began))
		require.Equal(t, 1, strings.Count(log.String(), "by this node alone"), "said once: %s", &log)
	})
}

func TestRunExchangesEverySecondUntilItIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &limitstest.Memory{Clock: time.Now}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var each []*limits.Limit
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		for _, name := range []string{"a", "b"} {
			e := limits.NewExchange(m, name, time.Now, logger)
			each = append(each, e.Limit("callers", 10))
			wg.Go(func() { e.Run(ctx) })
		}
		m.Away(true)
		synctest.Wait()
		for range 10 {
			require.Zero(t, each[0].Take("x"))
		}
		m.Away(false)
		time.Sleep(6 * time.Second) // as long as a ledger that was away is left alone, and an interval
		synctest.Wait()
		require.Positive(t, each[1].Take("x"))
		cancel()
		wg.Wait()
		require.Contains(t, log.String(), "together with other nodes again")
	})
}

// A PostgreSQL that is stopped and started again holds nobody up, and is used again.
func TestAnExchangeOutlivesARestartOfPostgreSQL(t *testing.T) {
	postgres, url := postgrestest.Fresh(t, "zhiping_test_restart")
	if !postgres.Own() {
		t.Skip("the PostgreSQL that ZHIPING_TEST_POSTGRES names is not ours to stop")
	}
	node := func(name string) (*limits.Exchange, *limits.Limit) {
		s, err := limits.OpenPostgres(url, time.Now)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		e := limits.NewExchange(s, name, time.Now, slog.New(slog.DiscardHandler))
		return e, e.Limit("callers", 10)
	}
	here, callers := node("here")
	there, callersThere := node("there")
	require.NoError(t, here.Once(t.Context()))
	require.NoError(t, there.Once(t.Context()))
	require.NoError(t, postgres.Stop())
	for range 10 {
		require.Zero(t, callers.Take("x"))
	}
	require.Error(t, here.Once(t.Context()))
	require.Zero(t, callersThere.Take("x"))
	require.NoError(t, postgres.Resume(t.Context()))
	for _, e := range []*limits.Exchange{here, there} { // whose connections were cut
		require.Eventually(t, func() bool { return e.Once(t.Context()) == nil }, 10*time.Second, 50*time.Millisecond)
	}
	require.Positive(t, callersThere.Take("x"), "what could not be told is told")
}
