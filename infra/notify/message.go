package notify

import (
	"time"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
)

// Message is what a person is told. Opinions are not in it: a telephone's locked screen shows what comes.
type Message struct {
	ID      string // the event's, so that a repetition is recognised
	Account string // whom it is for
	Kind    string // e.g. decision.returned; gateways choose their approved template by it
	Args    text.Args
}

// Types lists the events that people are told of, by the names that they are stored under.
func Types() []string {
	return []string{"BindingApproved", "BindingRejected", "DeclarationReturned", "ReviewTerminated", "DeclarationApproved"}
}

// beijing is the time that people here live by.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// Of makes the message of the last of a stream's events, in order; no message, ok false, for what nobody is told of.
func Of(events []domain.Recorded) (m Message, ok bool) {
	if len(events) == 0 {
		return Message{}, false
	}
	last := events[len(events)-1]
	m.ID = last.ID.String()
	switch ev := last.Event.(type) {
	case binding.Approved:
		m.Kind, m.Args = "binding.approved", text.Args{"unit": ev.Unit.Name}
	case binding.Rejected:
		m.Kind, m.Args = "binding.rejected", text.Args{"unit": ev.Unit.Name}
	case declaration.Returned:
		m.Kind, m.Args = "decision.returned", text.Args{"organization": ev.Organization.Name}
		if !ev.Deadline.IsZero() {
			m.Kind = "decision.returned_until"
			m.Args["deadline"] = ev.Deadline.In(beijing).Format("2006-01-02 15:04")
		}
	case declaration.Terminated:
		m.Kind, m.Args = "decision.terminated", text.Args{"organization": ev.Organization.Name}
	case declaration.Approved:
		m.Kind, m.Args = "decision.approved", text.Args{}
	default:
		return Message{}, false
	}
	category, id := domain.SplitStream(last.Stream)
	if category == domain.CategoryBinding {
		m.Account = id
		return m, true
	}
	started, ok := events[0].Event.(declaration.Started)
	m.Account, m.Args["notice"], m.Args["number"] = started.Applicant.ID, started.Notice.Title, started.Number
	return m, ok
}
