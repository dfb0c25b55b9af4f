package projections

import (
	"context"
	"errors"
	"maps"
	"slices"

	"zhiping/domain"
	"zhiping/readmodels"
)

// errBehind is why a document cannot be replayed before another one that may lead to it.
var errBehind = errors.New("projections: a document that may lead here is parked itself")

// fetchRelated is fetch, with the documents that those lead to.
func (v *viewBuilder) fetchRelated(ctx context.Context, store readmodels.Reader, ids map[string]bool) (map[string]readmodels.Document, error) {
	docs, err := v.fetch(ctx, store, ids)
	if err != nil || !v.fold.hasRelated() {
		return docs, err
	}
	further := map[string]bool{}
	for _, d := range docs {
		for _, id := range v.fold.related(d.Doc) {
			if _, here := docs[id]; !here {
				further[id] = true
			}
		}
	}
	more, err := v.fetch(ctx, store, further)
	maps.Copy(docs, more)
	return docs, err
}

// withRelated adds to keys the documents that theirs lead to as they are now.
func (s *space) withRelated(keys []string) []string {
	if !s.by.hasRelated() {
		return keys
	}
	all := slices.Clip(keys)
	for _, id := range keys {
		for _, more := range s.by.related(s.entries[id].doc) {
			if s.entries[more] != nil && !slices.Contains(all, more) {
				all = append(all, more)
			}
		}
	}
	return all
}

// loadForReplay names what an event touches, and loads for a replay of one document what else that is: the others have had
// the event, and keep what they have. An event that leads to the replayed document from one that is parked itself
// cannot be folded yet; whether it leads there, the parked one tells, or else the event that named both.
func (v *viewBuilder) loadForReplay(ctx context.Context, store readmodels.Reader, s *space, id string, e domain.Recorded) (keyed, error) {
	k := v.keysOf(&e)
	named := slices.Contains(k.keys, id)
	if !named && !v.fold.hasRelated() {
		return k, nil
	}
	others := map[string]bool{}
	for _, key := range append(slices.Clip(k.keys), v.fold.related(s.entries[id].doc)...) {
		others[key] = true
	}
	delete(others, id)
	leader := ""
	if v.fold.hasRelated() && len(k.keys) > 0 && k.keys[0] != id && v.parked[k.keys[0]] != nil {
		leader = k.keys[0]
		s.behind[leader] = s.behind[leader] || named
	}
	docs, err := v.fetchRelated(ctx, store, others)
	if err != nil {
		return k, err
	}
	delete(docs, id)
	for key, d := range docs {
		s.parked[key] = &Parked{}
		s.load(key, d)
	}
	touched := s.withRelated(k.keys)
	if leader != "" && !named && (slices.Contains(touched, id) || s.behind[leader]) {
		touched, k.err = append(touched, id), errBehind
	}
	k.keys = touched
	return k, nil
}

// unload drops what loadForReplay loaded.
func (s *space) unload(but string) {
	for id := range s.entries {
		if id != but {
			delete(s.entries, id)
			delete(s.parked, id)
		}
	}
}
