package folds

import (
	"slices"
	"time"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Timeline folds the 进度跟踪. At any time at most one node is current, and none once the review has ended.
func Timeline() projections.Projection[views.Timeline] {
	keys := streamID(domain.CategoryDeclaration)
	return projections.Projection[views.Timeline]{View: views.Timelines, Keys: keys, ByPartition: true, Apply: one(keys, foldTimeline)}
}

func foldTimeline(d *views.Timeline, e domain.Recorded) {
	foldState(d, e)
	switch ev := e.Event.(type) {
	case declaration.Started:
		d.Nodes = []views.Node{applicantNode("timeline.fill", ev.Applicant, e.At, 1)}
	case declaration.Submitted:
		finish(d, e, views.NodeDone, "")
		entered := false
		for _, st := range ev.Route {
			n := views.Node{Stage: st.Key, Name: st.Name, Organization: st.Organization, State: views.NodePending, Round: ev.Round}
			if st.Key == ev.Stage {
				entered, n.State, n.EnteredAt = true, views.NodeCurrent, e.At
			}
			if entered { // stages before the entry decided in an earlier round already
				d.Nodes = append(d.Nodes, n)
			}
		}
	case declaration.Withdrawn:
		round, applicant := current(d).Round, d.Nodes[0].Organization
		d.Nodes = slices.DeleteFunc(d.Nodes, func(n views.Node) bool {
			return n.State == views.NodeCurrent || n.State == views.NodePending
		})
		d.Nodes = append(d.Nodes, applicantNode("timeline.withdrawn", applicant, e.At, round))
	case declaration.StageApproved:
		finish(d, e, views.NodeDone, ev.Opinion)
		for i := range d.Nodes {
			if d.Nodes[i].State == views.NodePending && d.Nodes[i].Stage == ev.Next {
				d.Nodes[i].State, d.Nodes[i].EnteredAt = views.NodeCurrent, e.At
				break
			}
		}
	case declaration.Returned:
		round := current(d).Round
		finish(d, e, views.NodeReturned, ev.Opinion)
		dropPending(d)
		d.Nodes = append(d.Nodes, applicantNode("timeline.correct", d.Nodes[0].Organization, e.At, round+1))
	case declaration.Terminated:
		finish(d, e, views.NodeTerminated, ev.Opinion)
		dropPending(d)
	case declaration.Approved:
		finish(d, e, views.NodeDone, ev.Opinion)
	}
}

// foldState folds everything but the nodes.
func foldState(d *views.Timeline, e domain.Recorded) {
	ev, ok := e.Event.(declaration.Event)
	if !ok {
		return
	}
	d.State = declaration.Evolve(d.State, ev)
	d.State.SelfCheck, d.State.Modules, d.State.Files, d.State.Recommenders = nil, nil, nil, nil // these are the Content
	d.UpdatedAt, d.Revision = e.At, e.Revision
	if enters(ev) {
		d.Content = e.Revision
	}
	switch ev := ev.(type) {
	case declaration.Started:
		d.StartedAt = e.At
	case declaration.Submitted:
		d.SubmittedAt, d.Return = e.At, nil
	case declaration.Returned:
		d.Return = &views.Return{Stage: ev.Stage, Organization: ev.Organization, Opinion: ev.Opinion,
			Modules: ev.Modules, At: e.At, Deadline: ev.Deadline}
	}
}

func applicantNode(name string, applicant domain.Organization, at time.Time, round int) views.Node {
	return views.Node{Stage: views.StageApplicant, Name: text.Of(name, nil), Organization: applicant,
		State: views.NodeCurrent, EnteredAt: at, Round: round}
}

// current is the current node; the zero node where there is none.
func current(d *views.Timeline) views.Node {
	if i := slices.IndexFunc(d.Nodes, func(n views.Node) bool { return n.State == views.NodeCurrent }); i >= 0 {
		return d.Nodes[i]
	}
	return views.Node{}
}

// finish closes the current node with who decided it, when, and with which opinion.
func finish(d *views.Timeline, e domain.Recorded, state views.NodeState, opinion string) {
	for i := range d.Nodes {
		if n := &d.Nodes[i]; n.State == views.NodeCurrent {
			actor := views.ActorOf(e)
			n.State, n.Actor, n.At, n.Opinion = state, &actor, e.At, opinion
		}
	}
}

func dropPending(d *views.Timeline) {
	d.Nodes = slices.DeleteFunc(d.Nodes, func(n views.Node) bool { return n.State == views.NodePending })
}
