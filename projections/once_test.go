package projections_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/projections"
	"zhiping/readmodels"
)

// entries has a document for each event, as an audit trail has.
func entries(apply func(docs *projections.Docs[tally], id string, e domain.Recorded) error) projections.Projection[tally] {
	id := func(e domain.Recorded) string { return fmt.Sprint("e", e.Position) }
	return projections.Projection[tally]{
		View: readmodels.View[tally]{Name: "entries", Version: 1}, Once: true,
		Keys:  func(e domain.Recorded) []string { return []string{id(e)} },
		Apply: func(docs *projections.Docs[tally], e domain.Recorded) error { return apply(docs, id(e), e) },
	}
}

func enter(docs *projections.Docs[tally], id string, e domain.Recorded) error {
	docs.Put(id, &tally{Key: e.Stream, Sum: e.Event.(counted).N})
	return nil
}

// unread fails the test when documents of the view are read.
type unread struct {
	*memory
	t *testing.T
}

func (u unread) Get(ctx context.Context, s readmodels.Spec, ids ...string) (map[string]readmodels.Document, error) {
	if s.Name == "entries" {
		u.t.Errorf("%d documents were read", len(ids))
	}
	return u.memory.Get(ctx, s, ids...)
}

func TestDocumentsThatAreMadeOnceAreNotRead(t *testing.T) {
	events := history(300, 9)
	store, feed := newMemory(), newLog(events[:200]...)
	cfg := config(store, feed, entries(enter), tallies(1))
	cfg.Store, cfg.MaxBatch = unread{store, t}, 30
	stopped(t, cfg)
	store.rewind(events[120].Position) // a crash between the documents and the checkpoint
	feed.append(events[200:]...)
	stopped(t, cfg)
	mustEqualFold(t, store, entries(enter), events)
	mustEqualFold(t, store, tallies(1), events)
}

func TestADocumentThatIsMadeOnceIsParkedAndReplayed(t *testing.T) {
	events := history(60, 5)
	store, feed := newMemory(), newLog(events...)
	refuse := entries(func(docs *projections.Docs[tally], id string, e domain.Recorded) error {
		if e.Position == events[33].Position {
			return errors.New("refused")
		}
		return enter(docs, id, e)
	})
	stopped(t, config(store, feed, refuse))
	require.Len(t, store.all(refuse.Spec()), 59)
	repaired := entries(enter)
	again := start(t, config(store, feed, repaired))
	caughtUp(t, again)
	require.NoError(t, projections.RequestReplay(t.Context(), store, []projections.Fold{repaired}, "entries"))
	require.Eventually(t, func() bool { return again.Status()[0].Parked == 0 }, 5*time.Second, time.Millisecond)
	mustEqualFold(t, store, repaired, events)
}
