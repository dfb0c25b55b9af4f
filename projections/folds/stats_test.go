package folds_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// counted is what the figures of a notice must be, counted one by one.
type counted struct {
	statuses map[declaration.Status]int
	waiting  map[string]int
	stays    map[string][]time.Duration
	returns  map[string]int
}

// person is one declaration on its random way.
type person struct {
	id     uuid.UUID
	notice uuid.UUID
	state  declaration.State
	next   uint64
	since  time.Time // when it came to where it is
}

// move draws the next event that the aggregate's rules allow; nil when there is none.
func move(t *rapid.T, p *person) declaration.Event {
	s := p.state
	_, i, waiting := s.Current()
	switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
	case s.Status == "":
		return declaration.Started{ID: p.id, Notice: declaration.NoticeRef{ID: p.notice}, Applicant: applicant, Unit: unit, Department: dept}
	case !waiting && (s.Status == declaration.StatusApproved || s.Status == declaration.StatusTerminated):
		return nil
	case !waiting && kind == 0:
		return saved("王")
	case !waiting:
		return submitted(s.Round+1, rapid.SampledFrom([]string{"unit", "department"}).Draw(t, "entry"))
	case kind == 0 && !s.Decided:
		return declaration.Withdrawn{Stage: s.Stage}
	case kind == 1:
		r := returned(i)
		r.Modules = rapid.SampledFrom([][]string{{"basic"}, {"works", "basic"}}).Draw(t, "modules")
		return r
	case kind == 2:
		return declaration.Terminated{Stage: s.Stage, Organization: route[i].Organization}
	case i == len(route)-1:
		return declaration.Approved{Stage: s.Stage, Organization: committee}
	default:
		return passed(i)
	}
}

// count applies an event to what is counted one by one.
func (c *counted) count(p *person, e declaration.Event, at time.Time) {
	before := p.state
	p.state = declaration.Evolve(p.state, e)
	switch e := e.(type) {
	case declaration.ModuleSaved:
		return
	case declaration.Returned:
		for _, m := range e.Modules {
			c.returns[m]++
		}
	}
	if _, withdrawn := e.(declaration.Withdrawn); before.Stage != "" && !withdrawn {
		c.stays[before.Stage] = append(c.stays[before.Stage], at.Sub(p.since))
	}
	p.since = at
}

// The figures of every notice are what counting all its declarations one by one comes to.
func TestStatisticsAreWhatCountingComesTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		notices := []uuid.UUID{domain.DerivedID("a"), domain.DerivedID("b")}
		want := map[uuid.UUID]*counted{}
		for _, n := range notices {
			want[n] = &counted{map[declaration.Status]int{}, map[string]int{}, map[string][]time.Duration{}, map[string]int{}}
		}
		var people []*person
		for i := range rapid.IntRange(1, 8).Draw(t, "people") {
			people = append(people, &person{id: domain.DerivedID("p", fmt.Sprint(i)), notice: notices[i%2]})
		}
		var events []domain.Recorded
		at := began
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			p := people[rapid.IntRange(0, len(people)-1).Draw(t, "person")]
			e := move(t, p)
			if e == nil {
				continue
			}
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(60*24*time.Hour)).Draw(t, "pause")))
			events = append(events, domain.Recorded{Stream: domain.Stream(domain.CategoryDeclaration, p.id.String()),
				Revision: p.next, Position: uint64(10 * (len(events) + 1)), At: at, Event: e})
			p.next++
			want[p.notice].count(p, e, at)
		}
		for _, p := range people {
			if c := want[p.notice]; p.state.Status != "" {
				c.statuses[p.state.Status]++
				if p.state.Stage != "" {
					c.waiting[p.state.Stage]++
				}
			}
		}
		docs, err := projections.Documents(folds.Statistics(), events...)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range notices {
			got := views.NewNoticeStats()
			for part := range readmodels.Partitions {
				if d, ok := docs[views.NoticeStatsID(n, part)].(*views.Stats); ok {
					got.Add(*d.Notice)
				}
			}
			compare(t, got, want[n])
		}
	})
}

func compare(t *rapid.T, got views.NoticeStats, want *counted) {
	if !maps.Equal(got.Statuses, want.statuses) || !maps.Equal(got.Returns, want.returns) {
		t.Fatalf("statuses %v, want %v; returns %v, want %v", got.Statuses, want.statuses, got.Returns, want.returns)
	}
	for _, st := range route {
		stage, stays := got.Stages[st.Key], want.stays[st.Key]
		if stage.Waiting != want.waiting[st.Key] || stage.Durations.Count() != len(stays) {
			t.Fatalf("%s: %d waiting, %d stays; want %d and %d", st.Key, stage.Waiting, stage.Durations.Count(), want.waiting[st.Key], len(stays))
		}
		slices.Sort(stays)
		for _, percent := range []int{50, 90, 100} {
			if len(stays) == 0 {
				continue
			}
			exact := stays[(len(stays)*percent+99)/100-1].Truncate(time.Second)
			about, _ := stage.Durations.Quantile(percent)
			if off := (about - exact).Abs(); off > exact/32 {
				t.Fatalf("%s: %d%% are within %s, want %s", st.Key, percent, about, exact)
			}
		}
	}
}
