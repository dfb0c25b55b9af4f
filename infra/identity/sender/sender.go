// Package sender delivers short messages to people: one-time codes and notices. SMTP and an SMS webhook are for
// production; the outbox, a folder that the operator can read, is what an installation starts with. The package
// may import domain/text and nothing else of ours. A new way to deliver is a new type with a Send method.
package sender

import (
	"context"

	"zhiping/domain/text"
)

// Message is one message to one person.
type Message struct {
	ID      string    // makes a repeated delivery recognisable
	Phone   string    // mobile number, when that is how the person is reached
	Email   string    // e-mail address, when that is
	Kind    string    // what it is about, e.g. "code.register"; gateways choose their approved template by it
	Subject text.Text // for e-mail
	Body    text.Text
	Args    text.Args // what the body was filled with, for gateways with templates of their own
}

// Sender delivers messages. Send returns when the message has been accepted for delivery, or says why not; it is
// safe for concurrent use, and an error never contains the message's body.
type Sender interface {
	Send(ctx context.Context, m Message) error
}
