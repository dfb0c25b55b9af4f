package views

import (
	"context"
	"time"

	"github.com/google/uuid"

	"zhiping/domain/declaration"
	"zhiping/readmodels"
)

// Form is a declaration with everything entered, as its form shows it: its Timeline and its Content joined.
type Form struct {
	State       declaration.State
	Return      *Return
	StartedAt   time.Time
	SubmittedAt time.Time
	UpdatedAt   time.Time
	Revision    uint64
}

// A commit that comes between the two reads of a form is over in a moment; a content that does not follow for longer
// is parked.
const (
	formReads = 25
	formPause = 2 * time.Millisecond
)

// ReadForm joins a declaration's documents, and answers nil where there is none. Both are of the same moment, except
// while the content is parked.
func ReadForm(ctx context.Context, r readmodels.Reader, id uuid.UUID) (*Form, error) {
	for reads := 1; ; reads++ {
		content, _, has, err := Contents.Get(ctx, r, id.String())
		if err != nil {
			return nil, err
		}
		timeline, _, ok, err := Timelines.Get(ctx, r, id.String())
		if err != nil || !ok {
			return nil, err
		}
		if has && content.Revision == timeline.Content || reads == formReads {
			return join(timeline, content), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(formPause):
		}
	}
}

func join(t *Timeline, c *Content) *Form {
	f := &Form{State: t.State, Return: t.Return, StartedAt: t.StartedAt, SubmittedAt: t.SubmittedAt, UpdatedAt: t.UpdatedAt, Revision: t.Revision}
	f.State.Deadline = t.Deadline()
	if c != nil {
		f.State.SelfCheck, f.State.Modules, f.State.Files, f.State.Recommenders = c.SelfCheck, c.Modules, c.Files, c.Recommenders
	}
	return f
}
