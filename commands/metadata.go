package commands

import (
	"context"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/access"
)

// metadata is what every event of a command carries.
func (x *Executor) metadata(ctx context.Context, env Envelope, name string, cmd any) (domain.Metadata, error) {
	sum, err := fingerprint(name, cmd)
	if err != nil {
		return domain.Metadata{}, err
	}
	id := x.newID()
	if env.Key != "" {
		id = domain.DerivedID("command", env.Actor.ID, env.Key)
	}
	role, organization := access.As(env.Actor, access.Action(name)), env.Actor.Organization
	if role == domain.Applicant {
		organization = domain.Organization{} // nobody declares for an office
	}
	return domain.Metadata{
		Actor: env.Actor.ID, ActorName: env.Actor.Name, Role: role,
		Organization: organization, IP: env.IP, CorrelationID: env.CorrelationID,
		CausationID: env.CausationID, CommandID: id, Command: name,
		Fingerprint: sum, Traceparent: traceparent(ctx),
	}, nil
}

// CommandID is the id that a caller's key stands for, so that ids derived from it are the same in a retry.
func CommandID(actor, key string) uuid.UUID { return domain.DerivedID("command", actor, key) }
