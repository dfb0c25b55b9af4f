package esdbserver

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"zhiping/infra/esdbserver/internal/store"
)

const (
	categoryPrefix = "$ce-"
	typePrefix     = "$et-"
	// linksDocument holds the position up to which links are written. It is stored with the links, so each event
	// gets its links exactly once.
	linksDocument = "projection/links"
	projectRetry  = time.Second
)

// project runs the system projections $by_category and $by_event_type: it follows everything and writes links.
// It ends when the server closes.
func (s *Server) project() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.owned.Go(func() { // the store's calls take a context, the server's end is a channel
		select {
		case <-s.closing:
		case <-ctx.Done():
		}
		cancel()
	})
	w := s.store.Watch("")
	defer w.Close()
	next, err := s.projected(ctx)
	for ctx.Err() == nil {
		moved := false
		if err == nil {
			moved, err = s.projectPage(ctx, &next)
		}
		if err == nil && moved {
			continue
		}
		var again <-chan time.Time
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.Error("system projections", "error", err)
			again = time.After(projectRetry)
		}
		select {
		case <-ctx.Done():
		case <-w.C():
		case <-again:
		}
		if err != nil {
			next, err = s.projected(ctx)
		}
	}
}

// projected answers the position to go on from.
func (s *Server) projected(ctx context.Context) (int64, error) {
	body, err := s.store.Document(ctx, linksDocument)
	if err != nil || body == nil {
		return 0, err
	}
	var at int64
	if err := json.Unmarshal(body, &at); err != nil {
		return 0, fmt.Errorf("position of the system projections: %w", err)
	}
	return at + 1, nil
}

// projectPage links one page. Positions with nothing to link are not stored: they are looked at again after a
// restart, at most those since the last link.
func (s *Server) projectPage(ctx context.Context, next *int64) (bool, error) {
	events, err := s.store.ReadAll(ctx, *next, false, page)
	if err != nil || len(events) == 0 {
		return false, err
	}
	var links []store.Link
	for _, e := range events {
		if links, err = linksOf(links, e); err != nil {
			return false, err
		}
	}
	at := events[len(events)-1].Position
	if len(links) > 0 {
		if err := s.store.AppendLinks(ctx, links, linksDocument, fmt.Append(nil, at)); err != nil {
			return false, err
		}
	}
	*next = at + 1
	return true, nil
}

// linksOf adds the links of one event: by category for events of user streams, by type for all but links. A link
// in a user stream is passed on to its category with its own target. What deletes a stream, softly or for good,
// counts as an event of that stream, of type $deleted (CategorizeEventsByStreamPath.cs, IndexEventsByEventType.cs).
func linksOf(links []store.Link, e *store.Event) ([]store.Link, error) {
	if strings.HasPrefix(e.Stream, "$persistentsubscription-") {
		return links, nil // they would follow themselves: a group on $et-… writes checkpoints
	}
	stream, kind, meta := e.Stream, e.Type, linkMeta{At: e.Position, Commit: e.Position, Origin: e.Stream, Cause: uuid.UUID(e.ID)}
	if of, ok := store.Deletes(e); ok {
		deleted := -1
		stream, kind, meta.Deleted = of, "$deleted", &deleted
	}
	body, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	add := func(into, target string) {
		links = append(links, store.Link{Into: into, Proposed: store.Proposed{
			ID: uuid.New(), Type: store.LinkType, Data: []byte(target), Meta: body,
		}})
	}
	category, _, ok := strings.Cut(stream, "-")
	if ok && category != "" && !strings.HasPrefix(stream, "$") {
		if e.Type == store.LinkType {
			add(categoryPrefix+category, string(e.Data))
		} else {
			add(categoryPrefix+category, fmt.Sprintf("%d@%s", e.Revision, e.Stream))
		}
	}
	if e.Type != store.LinkType {
		add(typePrefix+kind, fmt.Sprintf("%d@%s", e.Revision, stream))
	}
	return links, nil
}

// linkMeta is the metadata of a link: where it comes from, as the official projections write it.
type linkMeta struct {
	Commit  int64     `json:"$c"`
	At      int64     `json:"$p"`
	Origin  string    `json:"$o"`
	Cause   uuid.UUID `json:"$causedBy"`
	Deleted *int      `json:"$deleted,omitempty"`
}
