package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zhiping/domain"
	"zhiping/domain/text"
	"zhiping/infra/identity/sender"
)

// ErrNobody says that nobody can be told: the account is gone or disabled, or has no address that the sender reaches.
var ErrNobody = errors.New("identity: nobody to tell")

// toldFor is how long ids of messages are remembered: far longer than anybody repeats one.
const toldFor = 90 * 24 * time.Hour

// Tell sends a sentence of the text catalogue, message.<kind>, to the person of an account, and returns when the
// gateway has taken it. Where people can be reached never leaves this package. A message with an id that was sent
// before is not sent again, unless this process died before it could remember that; gateways get the id too.
func (p *Provider) Tell(ctx context.Context, account, id, kind string, args text.Args) error {
	person, err := p.Person(ctx, account)
	if errors.Is(err, domain.ErrNotFound) || err == nil && (person.Disabled || person.Phone == "" && person.Email == "") {
		return ErrNobody
	}
	if err != nil {
		return err
	}
	var sent bool
	if err := p.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM told WHERE id = $1)`, id).Scan(&sent); err != nil {
		return fmt.Errorf("identity: tell: %w", err)
	}
	if sent {
		return nil
	}
	err = p.cfg.Sender.Send(ctx, sender.Message{ID: id, Phone: person.Phone, Email: person.Email, Kind: kind,
		Subject: text.Of("message."+kind+".subject", nil), Body: text.Of("message."+kind, args), Args: args})
	if errors.Is(err, sender.ErrNoAddress) {
		return ErrNobody
	}
	if err != nil {
		return fmt.Errorf("identity: tell: %w", err)
	}
	return p.write(ctx, func(c *change) error {
		_, err := c.ExecContext(ctx, `INSERT INTO told (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, p.now().UnixMilli())
		return err
	})
}
