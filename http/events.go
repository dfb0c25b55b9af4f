package http

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"zhiping/domain"
	"zhiping/domain/access"
)

// CloudEvent is an event for analytics consumers (CloudEvents 1.0, JSON format). Personal data of forms is left
// out: analysts learn that a module was saved, not what it says.
type CloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Position        string    `json:"position"` // extension: commit position, continue with ?after=
	StreamRevision  uint64    `json:"streamrevision"`
	Traceparent     string    `json:"traceparent,omitempty"` // the extension for distributed tracing: the command's span
	Data            any       `json:"data"`
}

const (
	heartbeat   = 15 * time.Second
	feedPoll    = 250 * time.Millisecond
	feedBatch   = 200
	eventPrefix = "zhiping."
)

func (s *Server) eventRoutes() {
	handle(s, route{"GET", "/events", "Events in $all order, as a CloudEvents batch", "viewEvents", 200}, s.events, unviewed)
	handle(s, route{"GET", "/events/stream", "The same as Server-Sent Events; resumes on Last-Event-ID", "viewEvents", 200}, s.eventStream, unviewed)
}

type feedIn struct {
	After string `query:"after" pattern:"^[0-9]{0,20}$"`
	Types string `query:"types" maxLength:"2000"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"100"`
}

func (in feedIn) types() []string {
	if in.Types == "" {
		return nil
	}
	types := strings.Split(in.Types, ",")
	for i := range types {
		types[i] = strings.TrimPrefix(strings.TrimSpace(types[i]), eventPrefix)
	}
	return types
}

// cloudEvent leaves out what analysts may not see; auditors see all of it in the audit trail.
func cloudEvent(e domain.Recorded) CloudEvent {
	return CloudEvent{
		SpecVersion: "1.0", ID: e.ID.String(), Source: "/zhiping", Type: eventPrefix + e.Type, Subject: e.Stream, Time: e.At.UTC(),
		DataContentType: "application/json", Position: formatPosition(e.Position), StreamRevision: e.Revision, Traceparent: e.Meta.Traceparent, Data: anonymous(e.Event),
	}
}

type batch struct {
	ContentType string `header:"Content-Type"`
	Next        string `header:"X-Next-Position"`
	Body        []CloudEvent
}

// events reads the log itself, so a batch never lags; `after` is where to go on, and waits for nothing.
func (s *Server) events(ctx context.Context, in *feedIn) (*batch, error) {
	after, _ := strconv.ParseUint(in.After, 10, 64) // the pattern lets digits only through
	events, next, _, err := s.Feed.ReadAll(ctx, after, in.types(), in.Limit)
	if err != nil {
		return nil, err
	}
	b := &batch{ContentType: "application/cloudevents-batch+json", Next: formatPosition(next), Body: []CloudEvent{}}
	for _, e := range events {
		b.Body = append(b.Body, cloudEvent(e))
	}
	return b, nil
}

func (s *Server) eventStream(ctx context.Context, in *feedIn) (*huma.StreamResponse, error) {
	rq := requestOf(ctx)
	start := in.After
	if id := rq.fiber.Get("Last-Event-ID"); id != "" {
		start = id
	}
	after, err := strconv.ParseUint(start, 10, 64)
	if start != "" && err != nil {
		return nil, domain.ErrInvalid.WithFaults(queryFault("after", "want_value"))
	}
	types := in.types()
	return &huma.StreamResponse{Body: func(huma.Context) {
		c := rq.fiber
		c.Set(fiber.HeaderContentType, "text/event-stream")
		c.Set(fiber.HeaderCacheControl, "no-cache")
		conn := c.Context().Conn() // the context is gone by the time the writer runs
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) { s.pump(ctx, w, conn, rq.token, after, types) })
	}}, nil
}

// pump sends events until the client is gone, which only a failing write tells, its session ends, or the server stops. Every write has
// a deadline of its own: the server's would end the whole stream.
func (s *Server) pump(ctx context.Context, w *bufio.Writer, conn net.Conn, token string, after uint64, types []string) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the request is over, but the log names it
	defer cancel()
	beat := time.Now()
	for {
		events, next, more, err := s.Feed.ReadAll(ctx, after, types, feedBatch)
		if err != nil {
			s.Logger.WarnContext(ctx, "event stream ends", "error", err)
			return
		}
		if len(events) > 0 || time.Since(beat) >= heartbeat {
			if actor, _, err := s.Auth.Authenticate(ctx, token); err != nil || !access.MayTry(actor, "viewEvents") {
				return // signed out meanwhile, or an analyst no more
			}
		}
		for _, e := range events {
			data, err := json.Marshal(cloudEvent(e))
			if err != nil {
				s.Logger.ErrorContext(ctx, "event stream ends", "error", err)
				return
			}
			fmt.Fprintf(w, "id: %d\nevent: %s%s\ndata: %s\n\n", e.Position, eventPrefix, e.Type, data)
		}
		after = next
		if len(events) == 0 && time.Since(beat) >= heartbeat {
			fmt.Fprint(w, ": heartbeat\n\n")
		}
		if len(events) > 0 || time.Since(beat) >= heartbeat {
			beat = time.Now()
			if conn.SetWriteDeadline(beat.Add(2*heartbeat)) != nil || w.Flush() != nil {
				return
			}
		}
		pause := feedPoll
		if more {
			pause = 0
		}
		select {
		case <-s.done:
			return
		case <-time.After(pause):
		}
	}
}
