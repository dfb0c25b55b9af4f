package identity

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain/text"
	"zhiping/infra/identity/sender"
)

// down is a gateway that does not answer.
type down struct{}

func (down) Send(context.Context, sender.Message) error { return errors.New("gateway down") }

// outcomes is what became of messages.
type outcomes struct {
	mu sync.Mutex
	n  map[string]int
}

func (o *outcomes) count(kind, outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n == nil {
		o.n = map[string]int{}
	}
	o.n[kind+" "+outcome]++
}

func (o *outcomes) of(what string) int { o.mu.Lock(); defer o.mu.Unlock(); return o.n[what] }

func TestAMessageThatDoesNotLeaveIsLoggedWithoutItsText(t *testing.T) {
	var o outcomes
	f := open(t, func(c *Config) { c.Sender, c.Delivered = down{}, o.count })
	gone, cancel := context.WithCancel(t.Context())
	cancel() // no pauses between the tries
	require.NoError(t, f.post.reserve())
	f.send(gone, outgoing{sender.Message{ID: "m1", Phone: phone, Kind: "code.reset", Body: text.Same("code 123456"), Args: text.Args{"code": "123456"}}, f.clock.now().Add(codeLife)})
	require.Contains(t, f.logs.String(), "gateway down")
	require.NotContains(t, f.logs.String(), "123456")
	require.NotContains(t, f.logs.String(), phone)
	require.Equal(t, 1, o.of("code.reset failed"))
}

// stalled takes messages and holds on to those for one phone.
type stalled struct {
	phone   string
	let     chan struct{}
	inbox   inbox
	holding *atomic.Int32
}

func (s stalled) Send(ctx context.Context, m sender.Message) error {
	if s.phone == "" || m.Phone == s.phone {
		s.holding.Add(1)
		select {
		case <-s.let:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.inbox <- m
	return nil
}

func TestASlowMessageHoldsUpNoOther(t *testing.T) {
	gateway := stalled{phone: phone, let: make(chan struct{}), inbox: make(inbox, 10), holding: &atomic.Int32{}}
	f := open(t, func(c *Config) { c.Sender = gateway })
	f.inbox = gateway.inbox
	require.NoError(t, f.SendCode(t.Context(), CodeRequest{Phone: phone, Purpose: PurposeRegister}))
	f.code(t, "13800000003", PurposeRegister)
	close(gateway.let)
	require.Equal(t, phone, f.message(t).Phone)
}

func TestAnExpiredCodeIsNotSent(t *testing.T) {
	var o outcomes
	gateway := stalled{let: make(chan struct{}), inbox: make(inbox, 100), holding: &atomic.Int32{}}
	f := open(t, func(c *Config) { c.Sender, c.Delivered = gateway, o.count })
	for i := range 2 * deliverers {
		require.NoError(t, f.SendCode(t.Context(), CodeRequest{Phone: fmt.Sprintf("138%08d", i), Purpose: PurposeRegister}))
	}
	require.Eventually(t, func() bool { return gateway.holding.Load() == deliverers && len(f.post.queue) == deliverers }, 5*time.Second, time.Millisecond)
	f.clock.pass(codeLife)
	close(gateway.let)
	require.Eventually(t, func() bool { return o.of("code.register expired")+o.of("code.register sent") == 2*deliverers }, 5*time.Second, time.Millisecond)
	require.Equal(t, deliverers, o.of("code.register sent"), "those that were under way")
	require.Len(t, gateway.inbox, deliverers)
	require.Eventually(t, func() bool { return len(f.post.room) == 0 }, 5*time.Second, time.Millisecond)
}

// While the gateway takes nothing, nobody can tell who has an account, and nothing is spent.
func TestAFullQueueRefusesEverybodyAlike(t *testing.T) {
	f := open(t, func(c *Config) { c.Captcha = CaptchaAdaptive })
	_, err := f.EnsureAccount(t.Context(), Account{Name: "张三", Phone: phone}, secret)
	require.NoError(t, err)
	for range waitingMessages {
		require.NoError(t, f.post.reserve())
	}
	var requests []CodeRequest
	var answers []string
	for _, number := range []string{phone, "13900000009"} {
		r := CodeRequest{Phone: number, Purpose: PurposeReset, Captcha: "ABCDE", Address: "192.0.2.1"}
		r.CaptchaID, err = f.keepCaptcha(t.Context(), r.Captcha, "")
		require.NoError(t, err)
		err := f.SendCode(t.Context(), r)
		require.ErrorIs(t, err, ErrBusy)
		answers = append(answers, err.Error())
		requests = append(requests, r)
	}
	require.Equal(t, answers[0], answers[1])
	f.post.leave()
	f.post.leave()
	for _, r := range requests {
		require.NoError(t, f.SendCode(t.Context(), r), "captcha and quota are still there")
	}
	require.Equal(t, phone, f.message(t).Phone)
	require.Eventually(t, func() bool { return len(f.post.room) == waitingMessages-2 }, 5*time.Second, time.Millisecond, "no place is lost")
}
