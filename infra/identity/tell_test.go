package identity

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain/text"
)

// reachable seeds somebody with a telephone.
func (f *fixture) reachable(t *testing.T, phone string) string {
	t.Helper()
	id, err := f.EnsureAccount(t.Context(), Account{Name: "张三", Phone: phone, Applicant: true}, secret)
	require.NoError(t, err)
	return id
}

func TestPeopleAreToldOnceWhereTheyCanBeReached(t *testing.T) {
	f := open(t)
	account := f.reachable(t, "13800000041")
	args := text.Args{"unit": "示范大学"}
	for range 2 {
		require.NoError(t, f.Tell(t.Context(), account, "event-1", "binding.approved", args))
	}
	m := <-f.inbox
	require.Equal(t, "13800000041", m.Phone)
	require.Equal(t, "event-1", m.ID)
	require.Equal(t, "【职评】示范大学已同意您的绑定申请，您现在可以开始申报。", m.Body.ZH)
	require.NotEmpty(t, m.Subject.EN)
	require.Empty(t, f.inbox, "the same id again")
	require.NoError(t, f.Tell(t.Context(), account, "event-2", "binding.approved", args))
	require.Equal(t, "event-2", (<-f.inbox).ID)

	f.clock.pass(toldFor + time.Hour)
	require.NoError(t, f.Sweep(t.Context()))
	require.NoError(t, f.Tell(t.Context(), account, "event-1", "binding.approved", args))
	require.Equal(t, "event-1", (<-f.inbox).ID, "forgotten after its time")
}

func TestNobodyIsToldWhoCannotBeReached(t *testing.T) {
	f := open(t)
	for name, account := range map[string]string{"no such account": "nobody", "an account without an address": f.person(t, "wang")} {
		require.ErrorIs(t, f.Tell(t.Context(), account, "e", "decision.approved", nil), ErrNobody, name)
	}
	account := f.reachable(t, "13800000042")
	require.NoError(t, f.Disable(t.Context(), account, "test"))
	require.ErrorIs(t, f.Tell(t.Context(), account, "e", "decision.approved", nil), ErrNobody, "disabled")
	require.Empty(t, f.inbox)
}
