package http

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/declaration"
	"zhiping/readmodels"
	"zhiping/readmodels/trail"
	"zhiping/readmodels/views"
)

func accessAction(name string) access.Action { return access.Action(name) }

func formatPosition(p uint64) string { return strconv.FormatUint(p, 10) }

// AuditEntry is one event of the audit trail.
type AuditEntry struct {
	Position       uint64         `json:"position"`
	Stream         string         `json:"stream"`
	StreamRevision uint64         `json:"streamRevision"`
	EventID        uuid.UUID      `json:"eventId"`
	Type           string         `json:"type"`
	At             time.Time      `json:"at"`
	Actor          views.Actor    `json:"actor"`
	IP             string         `json:"ip,omitempty"`
	CorrelationID  string         `json:"correlationId,omitempty"`
	CausationID    string         `json:"causationId,omitempty"`
	Command        string         `json:"command,omitempty"`
	Summary        string         `json:"summary"`
	Changes        []trail.Change `json:"changes"`
}

func auditEntry(e trail.Entry, lang string) AuditEntry {
	return AuditEntry{e.Position, e.Stream, e.StreamRevision, e.EventID, e.Type, e.At.UTC(), e.Actor, e.IP, e.CorrelationID,
		e.CausationID, e.Command, e.Summary.In(lang), e.Changes}
}

func (s *Server) auditRoutes() {
	handle(s, route{"GET", "/declarations/{id}/audit", "The whole trail of a declaration, oldest first", "viewAudit", 200}, func(ctx context.Context, in *struct {
		ByID
		Paging
	}) (*struct{ Body list[AuditEntry] }, error) {
		return s.trail(ctx, domain.Stream(domain.CategoryDeclaration, in.ID.String()), in.Paging, declaration.ErrNotFound)
	})
	handle(s, route{"GET", "/bindings/{applicantId}/audit", "The whole trail of a person's binding, oldest first", "viewAudit", 200}, func(ctx context.Context, in *struct {
		ByApplicant
		Paging
	}) (*struct{ Body list[AuditEntry] }, error) {
		return s.trail(ctx, domain.Stream(domain.CategoryBinding, in.ApplicantID), in.Paging, domain.ErrNotFound)
	})
	handle(s, route{"GET", "/audit", "Events across streams, oldest first", "viewAudit", 200}, s.audit)
}

// trail is a page of one stream's entries, read from the stream itself.
func (s *Server) trail(ctx context.Context, stream string, p Paging, absent error) (*struct{ Body list[AuditEntry] }, error) {
	out, err := s.trailWhere(ctx, stream, p, func(trail.Entry) bool { return true })
	if err == nil && len(out.Items) == 0 && p.Cursor == "" {
		err = absent
	}
	if err != nil {
		return nil, err
	}
	return &struct{ Body list[AuditEntry] }{out}, nil
}

// trailWhere goes through a stream's entries in its own order; a cursor names the revision behind which it goes on.
func (s *Server) trailWhere(ctx context.Context, stream string, p Paging, keep func(trail.Entry) bool) (list[AuditEntry], error) {
	out := list[AuditEntry]{Items: []AuditEntry{}}
	key, err := p.key()
	if err != nil {
		return out, err
	}
	after := int64(-1)
	if key != nil {
		var ok bool
		if after, ok = key.Value.(int64); !ok || key.ID != stream {
			return out, readmodels.ErrCursor
		}
	}
	entries, err := s.entries(ctx, stream)
	if err != nil {
		return out, err
	}
	for _, e := range entries {
		revision := int64(e.StreamRevision) // #nosec G115 -- revisions stay below 2^63
		if revision <= after || !keep(e) {
			continue
		}
		if len(out.Items) == p.Limit {
			next := readmodels.EncodeCursor(readmodels.Key{Value: after, ID: stream})
			out.Next = &next
			break
		}
		out.Items, after = append(out.Items, auditEntry(e, requestOf(ctx).lang)), revision
	}
	return out, nil
}

func (s *Server) entries(ctx context.Context, stream string) ([]trail.Entry, error) {
	events, err := s.Events.Read(ctx, stream, 0)
	if err != nil {
		return nil, err
	}
	return trail.Of(events)
}

type auditIn struct {
	Paging
	Actor       string    `query:"actor" maxLength:"64"`
	Type        string    `query:"type" maxLength:"64"`
	From        time.Time `query:"from"`
	To          time.Time `query:"to"`
	Declaration string    `query:"declaration" maxLength:"64"`
	// Organization narrows to the grants, names and closures of one organization.
	Organization string `query:"organization" maxLength:"64"`
	// Account narrows to the roles of one account.
	Account string `query:"account" maxLength:"64"`
}

// stream is the one that the query is about, or "".
func (in *auditIn) stream() string {
	switch {
	case in.Declaration != "":
		return domain.Stream(domain.CategoryDeclaration, in.Declaration)
	case in.Organization != "":
		return domain.Stream(domain.CategoryOrganization, in.Organization)
	case in.Account != "":
		return domain.Stream(domain.CategoryAccount, in.Account)
	}
	return ""
}

func (in *auditIn) keeps(actor, typ string, at time.Time) bool {
	return (in.Actor == "" || actor == in.Actor) && (in.Type == "" || typ == in.Type) &&
		(in.From.IsZero() || !at.Before(in.From)) && (in.To.IsZero() || !at.After(in.To))
}

// audit looks across streams: by the index of the narrowest condition, the others filter what it finds.
func (s *Server) audit(ctx context.Context, in *auditIn) (*struct{ Body list[AuditEntry] }, error) {
	if stream := in.stream(); stream != "" {
		out, err := s.trailWhere(ctx, stream, in.Paging, func(e trail.Entry) bool {
			return in.keeps(e.Actor.ID, e.Type, e.At)
		})
		return &struct{ Body list[AuditEntry] }{out}, err
	}
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	q := readmodels.Query{Equal: map[string]any{}, After: key, Limit: in.Limit}
	switch {
	case in.Actor != "":
		q.Equal["actor"] = in.Actor
	case in.Type != "":
		q.Equal["type"] = in.Type
	}
	if !in.From.IsZero() {
		q.From = views.EntryID(in.From, 0)
	}
	if !in.To.IsZero() {
		q.To = views.EntryID(in.To, math.MaxUint64)
	}
	found, err := scan(ctx, s, views.Audits, q, func(d *views.Audit) *views.Audit { return d }, func(d *views.Audit) bool {
		return in.keeps(d.Actor, d.Type, d.At)
	})
	if err != nil {
		return nil, err
	}
	items, err := s.resolve(ctx, found.Items)
	return &struct{ Body list[AuditEntry] }{list[AuditEntry]{items, found.Next}}, err
}

// resolving is how many streams are read at once for a page of entries.
const resolving = 8

// resolve makes the entries that the audit view points to, in its order, each stream read once.
func (s *Server) resolve(ctx context.Context, refs []*views.Audit) ([]AuditEntry, error) {
	out, lang := make([]AuditEntry, len(refs)), requestOf(ctx).lang
	streams := map[string][]int{}
	for i, ref := range refs {
		streams[ref.Stream] = append(streams[ref.Stream], i)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(resolving)
	for stream, places := range streams {
		g.Go(func() error {
			entries, err := s.entries(ctx, stream)
			if err != nil {
				return err
			}
			for _, i := range places {
				if refs[i].Revision >= uint64(len(entries)) {
					return fmt.Errorf("http: %s has no event %d, which the audit view names", stream, refs[i].Revision)
				}
				out[i] = auditEntry(entries[refs[i].Revision], lang)
			}
			return nil
		})
	}
	return out, g.Wait()
}
