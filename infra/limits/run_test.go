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
		for _, name := range []string{"a", "b"} {
			e := limits.NewExchange(m, name, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
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
