package folds

import (
	"fmt"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// Statistics folds the figures of every notice, over each part of the streams by itself. An event of a declaration does
// not name the notice; the declaration's own document does, so it leads there.
func Statistics() projections.Projection[views.Stats] {
	return projections.Projection[views.Stats]{View: views.Statistics, Keys: statsKeys, Related: statsRelated, ByPartition: true, Apply: applyStats}
}

func statsKeys(e domain.Recorded) []string {
	ev, ok := e.Event.(declaration.Event)
	if !ok || !declaration.Advances(ev) {
		return nil
	}
	if started, first := ev.(declaration.Started); first {
		return []string{e.Stream, views.NoticeStatsID(started.Notice.ID, readmodels.PartitionOf(e.Stream))}
	}
	return []string{e.Stream}
}

func statsRelated(d *views.Stats) []string {
	if d.Declaration == nil {
		return nil
	}
	return []string{views.NoticeStatsID(d.Declaration.Notice, d.Declaration.Part)}
}

// applyStats moves the declaration in the figures of its notice. Either document may include the event already, after
// a crash between their commits: then the declaration's steps go further than the event, and only those before it
// count.
func applyStats(docs *projections.Docs[views.Stats], e domain.Recorded) error {
	ev, ok := e.Event.(declaration.Event)
	if !ok {
		return fmt.Errorf("folds: %s at %d is a %T", e.Stream, e.Revision, e.Event)
	}
	notice := uuid.Nil
	if started, ok := ev.(declaration.Started); ok {
		notice = started.Notice.ID
	}
	d := docs.GetOrNew(e.Stream)
	if d.Declaration == nil {
		d.Declaration = &views.Steps{Notice: notice, Part: readmodels.PartitionOf(e.Stream)}
	}
	before, now := step(d.Declaration, e, ev)
	if (before == nil) != (notice != uuid.Nil) {
		return fmt.Errorf("folds: %s at %d does not begin with its start", e.Stream, e.Revision)
	}
	figures := docs.GetOrNew(views.NoticeStatsID(d.Declaration.Notice, d.Declaration.Part))
	if figures.Notice == nil {
		none := views.NewNoticeStats()
		figures.Notice = &none
	}
	if before != nil {
		leave(figures.Notice, *before, now)
	}
	figures.Notice.Statuses[now.Status]++
	if now.Stage != "" {
		at := figures.Notice.Stages[now.Stage]
		at.Waiting++
		figures.Notice.Stages[now.Stage] = at
	}
	if ev, ok := ev.(declaration.Returned); ok {
		for _, m := range ev.Modules {
			figures.Notice.Returns[m]++
		}
	}
	return nil
}

// step adds where the declaration is after the event, unless that is known, and answers where it was before, nil for
// nowhere, and where it is now.
func step(d *views.Steps, e domain.Recorded, ev declaration.Event) (before *views.Step, now views.Step) {
	n := len(d.Steps)
	for n > 0 && d.Steps[n-1].Revision >= e.Revision {
		n--
	}
	now = views.Step{Revision: e.Revision, At: e.At}
	if n > 0 {
		was := d.Steps[n-1]
		before, now.Progress = &was, was.Progress
	}
	now.Progress = now.Progress.Evolve(ev)
	if n == len(d.Steps) {
		d.Steps = append(d.Steps, now)
	}
	return before, now
}

// leave takes the declaration away from where it was. A stay counts when a decision ended it, not a withdrawal.
func leave(n *views.NoticeStats, was, now views.Step) {
	if n.Statuses[was.Status]--; n.Statuses[was.Status] == 0 {
		delete(n.Statuses, was.Status)
	}
	if was.Stage == "" {
		return
	}
	at := n.Stages[was.Stage]
	at.Waiting--
	if now.Status != declaration.StatusWithdrawn {
		if at.Durations == nil {
			at.Durations = views.Durations{}
		}
		at.Durations.Add(now.At.Sub(was.At))
	}
	n.Stages[was.Stage] = at
}
