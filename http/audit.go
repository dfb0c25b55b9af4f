package http

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/declaration"
	"zhiping/readmodels"
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
	Changes        []views.Change `json:"changes"`
}

func entryOf(lang string) func(*views.Audit) AuditEntry {
	return func(d *views.Audit) AuditEntry {
		e := d.Entry
		return AuditEntry{e.Position, e.Stream, e.StreamRevision, e.EventID, e.Type, e.At.UTC(), e.Actor, e.IP, e.CorrelationID,
			e.CausationID, e.Command, e.Summary.In(lang), e.Changes}
	}
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

func (s *Server) trail(ctx context.Context, stream string, p Paging, absent error) (*struct{ Body list[AuditEntry] }, error) {
	key, err := p.key()
	if err != nil {
		return nil, err
	}
	page, err := views.Audits.Find(ctx, s.Reader, readmodels.Query{Equal: map[string]any{"stream": stream}, Sort: "position", After: key, Limit: p.Limit})
	if err != nil {
		return nil, err
	}
	if len(page.Items) == 0 && key == nil {
		return nil, absent
	}
	return &struct{ Body list[AuditEntry] }{listOf(page, entryOf(requestOf(ctx).lang))}, nil
}

type auditIn struct {
	Paging
	Actor       string    `query:"actor" maxLength:"64"`
	Type        string    `query:"type" maxLength:"64"`
	From        time.Time `query:"from"`
	To          time.Time `query:"to"`
	Declaration string    `query:"declaration" maxLength:"64"`
}

// audit looks across streams: by the index of the narrowest condition, the others filter what it finds.
func (s *Server) audit(ctx context.Context, in *auditIn) (*struct{ Body list[AuditEntry] }, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	q := readmodels.Query{Equal: map[string]any{}, Sort: "at", After: key, Limit: in.Limit}
	stream := ""
	if in.Declaration != "" {
		stream = domain.Stream(domain.CategoryDeclaration, in.Declaration)
	}
	switch {
	case stream != "":
		q.Equal["stream"], q.Sort = stream, "position"
	case in.Actor != "":
		q.Equal["actor"] = in.Actor
	case in.Type != "":
		q.Equal["type"] = in.Type
	}
	if !in.From.IsZero() && stream == "" {
		q.From = views.Micros(in.From)
	}
	if !in.To.IsZero() && stream == "" {
		q.To = views.Micros(in.To)
	}
	out, err := scan(ctx, s, views.Audits, q, entryOf(requestOf(ctx).lang), func(d *views.Audit) bool {
		e := d.Entry
		return (in.Actor == "" || e.Actor.ID == in.Actor) && (in.Type == "" || e.Type == in.Type) && (in.From.IsZero() || !e.At.Before(in.From)) && (in.To.IsZero() || !e.At.After(in.To))
	})
	return &struct{ Body list[AuditEntry] }{out}, err
}
