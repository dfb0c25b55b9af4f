package identity

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Counters are read again when anybody has committed anything, here or elsewhere, and only then.
func TestCountersAreReadAgainAfterAnyCommit(t *testing.T) {
	f := open(t)
	if f.epochs.changes == nil {
		t.Skip("PostgreSQL is asked each time")
	}
	other := f.second(t)
	const remembered = 99
	for name, commit := range map[string]func() error{
		"here":      func() error { return revokeAccountOn(t, f.Provider) },
		"elsewhere": func() error { return revokeAccountOn(t, other) },
		"something else": func() error {
			return other.write(t.Context(), func(c *change) error { c.record(AuditRecord{Kind: "x"}); return nil })
		},
		"after emptying the log": func() error {
			if _, err := other.writer.ExecContext(t.Context(), sqliteDialect.forget); err != nil {
				return err
			}
			return revokeAccountOn(t, other)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := accountBucket("somebody")
			before, err := f.epochs.of(t.Context(), bucket)
			require.NoError(t, err)
			f.epochs.known[bucket] = remembered
			n, err := f.epochs.of(t.Context(), bucket)
			require.NoError(t, err)
			require.EqualValues(t, remembered, n, "nothing has changed")
			require.NoError(t, commit())
			n, err = f.epochs.of(t.Context(), bucket)
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, before)
			require.NotEqualValues(t, remembered, n)
		})
	}
}

func revokeAccountOn(t *testing.T, p *Provider) error {
	return p.write(t.Context(), func(c *change) error { return revokeAccount(t.Context(), c.querier, "somebody") })
}
