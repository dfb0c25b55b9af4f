package identity

import (
	"context"
	"time"

	"zhiping/infra/identity/sender"
)

// waitingMessages is how many messages may wait or be under way; deliverers is how many of them leave at once, so that
// one that a gateway is slow to take holds up no other.
const (
	waitingMessages = 1024
	deliverers      = 8
)

// messagesKept is how long a sender that keeps messages where the operator can read them does so: long enough to read out a
// code, and no archive of who was here.
const messagesKept = time.Hour

// keeper is a sender that keeps messages.
type keeper interface {
	Sweep(before time.Time) error
	Forget(phone, email string) error
}

// outgoing is a message that waits. Nobody can use it after it expires.
type outgoing struct {
	sender.Message
	expires time.Time
}

// post is the way of messages to their sender.
type post struct {
	queue chan outgoing
	room  chan struct{} // a place for each that waits or is under way
}

func newPost() post {
	return post{queue: make(chan outgoing, waitingMessages), room: make(chan struct{}, waitingMessages)}
}

// reserve takes a place for one message, before anybody has looked whether there will be one: a gateway that is down must
// refuse alike who has an account and who has none. The place is used by hand or given back by leave.
func (o post) reserve() error {
	select {
	case o.room <- struct{}{}:
		return nil
	default:
		return after(ErrBusy, 10*time.Second)
	}
}

func (o post) leave() { <-o.room }

// hand queues a message for which there is a place.
func (o post) hand(m outgoing) { o.queue <- m }

// deliver sends what is queued. Sending happens here and not in the request, so that how long an answer takes does
// not tell whether a message was sent.
func (p *Provider) deliver(ctx context.Context) {
	for {
		select {
		case m := <-p.post.queue:
			p.send(ctx, m)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			for {
				select {
				case m := <-p.post.queue:
					p.send(last, m)
				default:
					return
				}
			}
		}
	}
}

// What becomes of a message, as Config.Delivered hears it.
const (
	delivered   = "sent"
	undelivered = "failed"
	outlived    = "expired"
)

// send tries three times, while the message is of use. A code that did not leave is asked for again by its owner.
func (p *Provider) send(ctx context.Context, m outgoing) {
	defer p.post.leave()
	var err error
	for wait := 200 * time.Millisecond; wait <= 800*time.Millisecond; wait *= 2 {
		if !p.now().Before(m.expires) {
			p.cfg.Delivered(m.Kind, outlived)
			p.cfg.Logger.WarnContext(ctx, "message not sent, because it has expired", "kind", m.Kind, "id", m.ID, "error", err)
			return
		}
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		err = p.cfg.Sender.Send(attempt, m.Message)
		cancel()
		if err == nil {
			p.cfg.Delivered(m.Kind, delivered)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	p.cfg.Delivered(m.Kind, undelivered)
	p.cfg.Logger.ErrorContext(ctx, "message not delivered", "kind", m.Kind, "id", m.ID, "error", err)
}
