package folds

import (
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Content folds what the applicant has entered.
func Content() projections.Projection[views.Content] {
	keys := func(e domain.Recorded) []string {
		if !enters(e.Event) {
			return nil
		}
		_, id := domain.SplitStream(e.Stream)
		return []string{id}
	}
	return projections.Projection[views.Content]{View: views.Contents, Keys: keys, ByPartition: true, Apply: one(keys, foldContent)}
}

// enters tells whether an event changes what is entered: the self-check of the first one is entered, too.
func enters(event any) bool {
	e, ok := event.(declaration.Event)
	if _, first := e.(declaration.Started); first {
		return true
	}
	return ok && !declaration.Advances(e)
}

func foldContent(d *views.Content, e domain.Recorded) {
	ev, ok := e.Event.(declaration.Event)
	if !ok {
		return
	}
	s := declaration.Evolve(declaration.State{SelfCheck: d.SelfCheck, Modules: d.Modules, Files: d.Files, Recommenders: d.Recommenders}, ev)
	d.SelfCheck, d.Modules, d.Files, d.Recommenders, d.Revision = s.SelfCheck, s.Modules, s.Files, s.Recommenders, e.Revision
}
