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

// Types lists the names of those event types that make a message, for the subscription to ask for.
func Types(all []domain.EventType) []string {
	var names []string
	for _, t := range all {
		if _, _, ok := contentOf(t.Zero); ok {
			names = append(names, t.Name)
		}
	}
	return names
}

// beijing is the time that people here live by.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// Of makes the message of the last of a stream's events, which are given in order; ok is false where it makes none.
func Of(events []domain.Recorded) (m Message, ok bool) {
	if len(events) == 0 {
		return Message{}, false
	}
	last := events[len(events)-1]
	m.ID = last.ID.String()
	if m.Kind, m.Args, ok = contentOf(last.Event); !ok {
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

// contentOf is the kind of an event's message and what is particular to it; ok is false for an event without one.
func contentOf(event any) (kind string, args text.Args, ok bool) {
	switch ev := event.(type) {
	case binding.Approved:
		return "binding.approved", text.Args{"unit": ev.Unit.Name}, true
	case binding.Rejected:
		return "binding.rejected", text.Args{"unit": ev.Unit.Name}, true
	case declaration.Returned:
		args := text.Args{"organization": ev.Organization.Name}
		if ev.Deadline.IsZero() {
			return "decision.returned", args, true
		}
		args["deadline"] = ev.Deadline.In(beijing).Format("2006-01-02 15:04")
		return "decision.returned_until", args, true
	case declaration.Terminated:
		return "decision.terminated", text.Args{"organization": ev.Organization.Name}, true
	case declaration.Approved:
		return "decision.approved", text.Args{}, true
	}
	return "", nil, false
}
