package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/infra/eventstore"
)

// historyWriter writes the events of many declarations as a busy season would: a wave of people fills in side by side,
// and the offices decide later, each when many others have come between. So a declaration's fifteen events lie far
// apart, and whoever projects them meets each document several times.
type historyWriter struct {
	client       *eventstore.Client
	declarations int
	wave         int // people who fill in at the same time
	callers      int // appends at the same time
}

// eventsPerDeclaration is how many events each declaration of the history has.
const eventsPerDeclaration = 15

// The offices of the review route, and how many waves later each decides.
var reviewRoute = []struct {
	stage declaration.Stage
	later int
}{
	{declaration.Stage{Key: catalog.StageUnit, Kind: catalog.StageUnit, Name: text.Same("推荐单位审核"), Organization: domain.Organization{ID: demo.Units[0].USCC, Name: demo.Units[0].Name}}, 4},
	{declaration.Stage{Key: "department", Kind: "department", Name: text.Same("业务主管部门审核"), Organization: demo.Department}, 12},
	{declaration.Stage{Key: "bureau", Kind: "bureau", Name: text.Same("人社部门审核"), Organization: demo.Bureau}, 24},
	{declaration.Stage{Key: "committee", Kind: "committee", Name: text.Same("评委会评审"), Organization: demo.Committee}, 36},
}

func declarationID(n int) uuid.UUID {
	return domain.DerivedID("bench", "declaration", fmt.Sprint(n))
}

// historyIssuer is the OpenID issuer of the people of the history: sessions for them need no password.
const historyIssuer = "bench"

// write appends what is missing; a history that was written before is left as it is.
func (h historyWriter) write(ctx context.Context) error {
	last := domain.Stream(domain.CategoryDeclaration, declarationID(h.declarations-1).String())
	if events, err := h.client.Read(ctx, last, eventsPerDeclaration-1); err != nil || len(events) > 0 {
		return err
	}
	waves := (h.declarations + h.wave - 1) / h.wave
	for w := range waves + reviewRoute[len(reviewRoute)-1].later {
		for _, part := range [][2]int{{0, 1}, {1, 11}} {
			if err := h.append(ctx, w, part[0], part[1]); err != nil {
				return err
			}
		}
		for i, office := range reviewRoute {
			if err := h.append(ctx, w-office.later, 11+i, 12+i); err != nil {
				return err
			}
		}
	}
	return nil
}

// append writes the events from one number up to another of every declaration of a wave.
func (h historyWriter) append(ctx context.Context, wave, from, to int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(h.callers)
	for n := max(0, wave*h.wave); n < min(h.declarations, (wave+1)*h.wave); n++ {
		g.Go(func() error {
			stream := domain.Stream(domain.CategoryDeclaration, declarationID(n).String())
			expected := int64(from) - 1
			if from == 0 {
				expected = commands.NoStream
			}
			return h.appendRetried(ctx, stream, expected, eventsOf(n)[from:to])
		})
	}
	return g.Wait()
}

// appendRetried appends once more when the event store was too busy to answer: an append that did arrive is recognised.
func (h historyWriter) appendRetried(ctx context.Context, stream string, expected int64, events []domain.Proposed) (err error) {
	for range 10 {
		if _, err = h.client.Append(ctx, stream, expected, events); !errors.Is(err, commands.ErrStoreUnavailable) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func applicantOf(n int) domain.Organization {
	return domain.Organization{ID: domain.DerivedID("openid", historyIssuer, fmt.Sprint(n/3)).String(), Name: fmt.Sprintf("申报人%d", n/3)}
}

// eventsOf is all that happens to a declaration: fifteen events, with forms of the usual length.
func eventsOf(n int) []domain.Proposed {
	person, unit := applicantOf(n), reviewRoute[0].stage.Organization
	route := make([]declaration.Stage, len(reviewRoute))
	for i, r := range reviewRoute {
		route[i] = r.stage
	}
	events := []any{declaration.Started{
		ID: declarationID(n), Number: fmt.Sprintf("2026-%07d", n), Applicant: person, Unit: unit, Department: demo.Department,
		Notice: declaration.NoticeRef{ID: demo.NoticeID("title.regular"), Title: "2026年度正常职称申报", Type: "title.regular", Line: "title", Year: 2026},
	}}
	for _, module := range []string{"basic", "education", "work", "papers", "projects", "awards"} {
		events = append(events, declaration.ModuleSaved{Module: module, Data: moduleData(module, n)})
	}
	for _, slot := range []string{"photo", "degree", "papers"} {
		events = append(events, declaration.FileAttached{File: declaration.File{
			ID: domain.DerivedID("bench", slot, fmt.Sprint(n)), Slot: slot, Name: slot + ".pdf", Size: 240_000, Type: "application/pdf", SHA256: strings.Repeat("0f1e2d3c", 8),
		}})
	}
	events = append(events, declaration.Submitted{Round: 1, Unit: unit, Department: demo.Department, Route: route, Stage: route[0].Key})
	for i, st := range route[:len(route)-1] {
		events = append(events, declaration.StageApproved{Stage: st.Key, Organization: st.Organization, Opinion: "材料齐全，同意", Next: route[i+1].Key})
	}
	final := route[len(route)-1]
	events = append(events, declaration.Approved{Stage: final.Key, Organization: final.Organization, Opinion: "评审通过"})
	out := make([]domain.Proposed, len(events))
	for i, e := range events {
		out[i] = proposedEvent(e, n, i, person)
	}
	return out
}

func proposedEvent(event any, n, i int, person domain.Organization) domain.Proposed {
	meta := domain.Metadata{At: time.Date(2026, 3, 1, 0, 0, n%86_400, i*1000, time.UTC), Actor: person.ID, ActorName: person.Name, Role: domain.Applicant,
		IP: "192.0.2.1", CorrelationID: domain.DerivedID("bench", "request", fmt.Sprint(n, i)).String(), CommandID: domain.DerivedID("bench", "command", fmt.Sprint(n, i)),
		Command: "SaveModule", Fingerprint: "00112233445566778899aabb", Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	if office := i - 11; office >= 0 {
		o := reviewRoute[office].stage
		meta.Actor, meta.ActorName, meta.Role, meta.Organization = "officer-"+o.Key, "经办人", domain.Role(o.Kind), o.Organization
	}
	return domain.Proposed{ID: domain.DerivedID("bench", "event", fmt.Sprint(n, i)), Type: eventTypeNames[fmt.Sprintf("%T", event)], Event: event, Meta: meta}
}

// eventTypeNames names the events that the history is made of, by Go type.
var eventTypeNames = map[string]string{
	"declaration.Started": "DeclarationStarted", "declaration.ModuleSaved": "ModuleSaved", "declaration.FileAttached": "FileAttached",
	"declaration.Submitted": "DeclarationSubmitted", "declaration.StageApproved": "StageApproved", "declaration.Approved": "DeclarationApproved",
}

// moduleData is a module's data, some 300 to 900 bytes.
func moduleData(key string, n int) json.RawMessage {
	if key == "basic" {
		return json.RawMessage(fmt.Sprintf(`{"name":"申报人%d","gender":"女","birthDate":"1986-05-17","idNumber":"220102198605170%03d","phone":"139%08d",`+
			`"email":"person%d@example.com","politicalStatus":"中共党员","workUnit":"示范大学","department":"计算机科学与技术学院","currentTitle":"讲师",`+
			`"currentTitleDate":"2019-09-01","declaredSeries":"高等学校教师","declaredLevel":"副高级","declaredTitle":"副教授","specialty":"计算机应用技术","category":"正常"}`, n, n%1000, n, n))
	}
	rows := make([]string, 3)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"name":"%s第%d项","date":"20%02d-06-30","role":"主持","rank":%d,"source":"省自然科学基金委员会","note":"编号%d"}`, key, i+1, 18+i, i+1, n)
	}
	return json.RawMessage(`{"items":[` + strings.Join(rows, ",") + `]}`)
}
