package notice_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/notice"
)

func TestDecide(t *testing.T) {
	opens := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	content := notice.Content{Type: "title.regular", Title: "2026年职称申报", Year: 2026, OpensAt: opens, ClosesAt: opens.AddDate(0, 3, 0),
		Bureau: domain.Organization{ID: "bureau"}, Committee: domain.Organization{ID: "committee"}}
	changed := func(f func(*notice.Content)) notice.Content { c := content; f(&c); return c }
	longer := changed(func(c *notice.Content) { c.ClosesAt = c.ClosesAt.AddDate(0, 1, 0) })
	longest := changed(func(c *notice.Content) { c.ClosesAt = c.ClosesAt.AddDate(0, 2, 0) })
	shown := changed(func(c *notice.Content) { c.CutOff, c.ClosesAt = c.ClosesAt, longer.ClosesAt })
	moved := changed(func(c *notice.Content) { c.CutOff, c.ClosesAt = longer.ClosesAt, longer.ClosesAt })
	shorter := changed(func(c *notice.Content) { c.ClosesAt = c.ClosesAt.AddDate(0, -1, 0) })
	renamed := changed(func(c *notice.Content) { c.Title = "另一通知" })
	def := catalog.Definition{Type: "title.regular", Version: 3}
	drafted, published := notice.Drafted{Content: content}, notice.Published{Definition: def}
	type events = []notice.Event
	open := events{drafted, published}
	for name, ex := range map[string]struct {
		given  events
		when   notice.Command
		then   events
		err    error
		faults int
	}{
		"a notice is drafted":                         {when: notice.Draft{Content: content, Known: true}, then: events{drafted}},
		"twice is refused":                            {given: events{drafted}, when: notice.Draft{Content: content, Known: true}, err: notice.ErrExists},
		"every fault is listed":                       {when: notice.Draft{}, err: domain.ErrInvalid, faults: 6},
		"a window that ends before it begins":         {when: notice.Draft{Known: true, Content: changed(func(c *notice.Content) { c.ClosesAt = opens })}, err: domain.ErrInvalid, faults: 1},
		"a draft is revised":                          {given: events{drafted}, when: notice.Revise{Content: renamed, Known: true}, then: events{notice.Revised{Content: renamed}}},
		"revising to the same is nothing":             {given: events{drafted}, when: notice.Revise{Content: content, Known: true}},
		"a published one is extended":                 {given: open, when: notice.Revise{Content: longer, Known: true}, then: events{notice.Extended{ClosesAt: longer.ClosesAt}}},
		"extended with the cut-off date as shown":     {given: open, when: notice.Revise{Content: shown, Known: true}, then: events{notice.Extended{ClosesAt: longer.ClosesAt}}},
		"a second time":                               {given: append(open, notice.Extended{ClosesAt: longer.ClosesAt}), when: notice.Revise{Content: longest, Known: true}, then: events{notice.Extended{ClosesAt: longest.ClosesAt}}},
		"an extension does not move the cut-off date": {given: open, when: notice.Revise{Content: moved, Known: true}, err: notice.ErrPublished},
		"a published one is not shortened":            {given: open, when: notice.Revise{Content: shorter, Known: true}, err: notice.ErrPublished},
		"a published one is not rewritten":            {given: open, when: notice.Revise{Content: renamed, Known: true}, err: notice.ErrPublished},
		"a closed one is not revised":                 {given: append(open, notice.Closed{}), when: notice.Revise{Content: longer, Known: true}, err: notice.ErrClosed},
		"published with its definition":               {given: events{drafted}, when: notice.Publish{Definition: def}, then: events{published}},
		"publishing twice is nothing":                 {given: open, when: notice.Publish{Definition: catalog.Definition{Version: 4}}},
		"a closed one is not published again":         {given: append(open, notice.Closed{}), when: notice.Publish{Definition: def}, err: notice.ErrClosed},
		"closed":                                      {given: open, when: notice.Close{}, then: events{notice.Closed{}}},
		"closing twice is nothing":                    {given: append(open, notice.Closed{}), when: notice.Close{}},
		"a draft cannot be closed":                    {given: events{drafted}, when: notice.Close{}, err: notice.ErrNotPublished},
		"what was never drafted":                      {when: notice.Publish{Definition: def}, err: notice.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			var s notice.State
			for _, e := range ex.given {
				s = notice.Evolve(s, e)
			}
			got, err := notice.Decide(s, ex.when)
			if !errors.Is(err, ex.err) || (err == nil) != (ex.err == nil) {
				t.Fatalf("error %v, want %v", err, ex.err)
			}
			var de *domain.Error
			if errors.As(err, &de) && len(de.Faults) != ex.faults {
				t.Fatalf("%d faults, want %d: %v", len(de.Faults), ex.faults, de.Faults)
			}
			if diff := cmp.Diff(ex.then, got); diff != "" {
				t.Fatalf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPhase(t *testing.T) {
	opens := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := notice.State{Status: notice.StatusPublished, Content: notice.Content{OpensAt: opens, ClosesAt: opens.AddDate(0, 1, 0)}}
	for at, want := range map[time.Time]string{
		opens.Add(-1): "upcoming", opens: "open", s.Content.ClosesAt.Add(-1): "open", s.Content.ClosesAt: "closed",
	} {
		if got := s.Phase(at); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	s.Status = notice.StatusClosed
	if got := s.Phase(opens); got != "closed" {
		t.Errorf("closed by hand: %s", got)
	}
}

func TestAnExtensionLeavesTheCutOffDateWhereItWas(t *testing.T) {
	closes := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	s := notice.Evolve(notice.State{}, notice.Drafted{Content: notice.Content{ClosesAt: closes}})
	for _, later := range []time.Time{closes.AddDate(0, 1, 0), closes.AddDate(0, 2, 0)} {
		s = notice.Evolve(s, notice.Extended{ClosesAt: later})
		if !s.Content.CutOffDate().Equal(closes) || !s.Content.ClosesAt.Equal(later) {
			t.Fatalf("cut off at %s, closes at %s", s.Content.CutOffDate(), s.Content.ClosesAt)
		}
	}
}
