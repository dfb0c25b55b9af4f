package projections_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
	"zhiping/readmodels/sqlite"
)

// stack is the read side as it really is: the embedded event store, its client, and the SQLite read store.
type stack struct {
	dir    string
	server *esdbserver.Server
	client *eventstore.Client
}

func newStack(tb testing.TB) *stack {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pj")
	require.NoError(tb, err)
	s := &stack{dir: dir}
	s.server, err = esdbserver.Open(context.Background(), esdbserver.Config{Path: filepath.Join(dir, "es"), Socket: filepath.Join(dir, "s")})
	require.NoError(tb, err)
	s.client = connect(tb, s.server.Endpoint())
	tb.Cleanup(func() {
		s.client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.server.Close(ctx)
		_ = os.RemoveAll(dir)
	})
	return s
}

func connect(tb testing.TB, address string) *eventstore.Client {
	tb.Helper()
	codec, err := eventstore.NewCodec(commands.EventTypes()...)
	require.NoError(tb, err)
	c, err := eventstore.Open(eventstore.Config{Address: address}, codec)
	require.NoError(tb, err)
	return c
}

func openStore(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	store, err := sqlite.New(sqlite.Config{Path: path})
	require.NoError(tb, err)
	return store
}

var (
	school = domain.Organization{ID: "12220000127701509T", Name: "示范大学"}
	office = domain.Organization{ID: "dept-1", Name: "主管部门"}
	review = domain.Organization{ID: "committee-1", Name: "评委会"}
	way    = []declaration.Stage{
		{Key: "unit", Kind: "unit", Name: text.Same("推荐单位审核"), Organization: school},
		{Key: "department", Kind: "department", Name: text.Same("主管部门审核"), Organization: office},
		{Key: "committee", Kind: "committee", Name: text.Same("评委会评审"), Organization: review},
	}
)

// life is one declaration from its beginning to its approval, ten events.
func life(n int) []declaration.Event {
	applicant := domain.Organization{ID: fmt.Sprint("applicant-", n), Name: "申报人"}
	module := func(key string) declaration.ModuleSaved {
		return declaration.ModuleSaved{Module: key, Data: json.RawMessage(fmt.Sprintf(
			`{"name":"申报人%d","title":"教授","papers":[{"title":"论文甲","year":2024},{"title":"论文乙","year":2025}],"no":%d}`, n, n))}
	}
	file := func(slot string) declaration.FileAttached {
		return declaration.FileAttached{File: declaration.File{ID: domain.DerivedID(slot, fmt.Sprint(n)), Slot: slot, Name: slot + ".pdf",
			Size: 40_000, Type: "application/pdf", SHA256: "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"}}
	}
	return []declaration.Event{
		declaration.Started{ID: domain.DerivedID("d", fmt.Sprint(n)), Number: fmt.Sprintf("2026-%06d", n),
			Notice:    declaration.NoticeRef{ID: domain.DerivedID("n", fmt.Sprint(n%7)), Type: "title.regular", Title: "2026年度评审通知", Line: "title", Year: 2026},
			Applicant: applicant, Unit: school, Department: office},
		module("basic"), module("works"), module("papers"), file("degree"), file("photo"),
		declaration.Submitted{Round: 1, Unit: school, Department: office, Route: way, Stage: "unit"},
		declaration.StageApproved{Stage: "unit", Organization: school, Opinion: "同意推荐", Next: "department"},
		declaration.StageApproved{Stage: "department", Organization: office, Opinion: "同意", Next: "committee"},
		declaration.Approved{Stage: "committee", Organization: review, Opinion: "通过"},
	}
}

func eventNames() map[string]string {
	names := map[string]string{}
	for _, t := range commands.EventTypes() {
		names[fmt.Sprintf("%T", t.Zero)] = t.Name
	}
	return names
}

func proposed(names map[string]string, n int) []domain.Proposed {
	var out []domain.Proposed
	for _, e := range life(n) {
		out = append(out, domain.Proposed{ID: uuid.New(), Type: names[fmt.Sprintf("%T", e)], Event: e, Meta: domain.Metadata{
			At: time.Now().UTC(), Actor: fmt.Sprint("applicant-", n), ActorName: "申报人", Role: domain.Applicant, IP: "192.0.2.1",
			CorrelationID: "c-" + fmt.Sprint(n), CommandID: uuid.New(), Command: "Something", Fingerprint: "0011223344556677"}})
	}
	return out
}

// declare appends the declarations from one number up to another, several at a time.
func (s *stack) declare(tb testing.TB, from, to int) {
	tb.Helper()
	names, todo := eventNames(), make(chan int)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for n := range todo {
				stream := domain.Stream(domain.CategoryDeclaration, domain.DerivedID("d", fmt.Sprint(n)).String())
				if _, err := s.client.Append(context.Background(), stream, commands.NoStream, proposed(names, n)); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	for n := from; n < to; n++ {
		todo <- n
	}
	close(todo)
	wg.Wait()
}

// everything reads all events there are.
func (s *stack) everything(tb testing.TB) []domain.Recorded {
	tb.Helper()
	var out []domain.Recorded
	q := eventstore.All{Limit: 10_000}
	for {
		page, err := s.client.ReadAll(tb.Context(), q)
		require.NoError(tb, err)
		out = append(out, page.Events...)
		if !page.More {
			return out
		}
		q.After = page.Next
	}
}

// mustAgree compares every view with the fold of all events from nothing.
func mustAgree(tb testing.TB, store readmodels.Store, events []domain.Recorded) {
	tb.Helper()
	for _, f := range folds.All() {
		want, err := projections.Documents(f, events...)
		require.NoError(tb, err)
		spec := f.Spec()
		live, ok, err := store.Live(tb.Context(), spec.Name)
		require.NoError(tb, err)
		if ok {
			spec.Version = live
		}
		require.NoError(tb, store.Open(tb.Context(), spec))
		got := 0
		q := readmodels.Query{Limit: 1000}
		for {
			docs, err := store.Find(tb.Context(), spec, q)
			require.NoError(tb, err)
			for _, d := range docs {
				a, err := json.Marshal(want[d.ID])
				require.NoError(tb, err)
				b, err := json.Marshal(d.Doc)
				require.NoError(tb, err)
				require.JSONEq(tb, string(a), string(b), "%s %s", spec.Name, d.ID)
			}
			got += len(docs)
			if len(docs) < q.Limit {
				break
			}
			q.After = &readmodels.Key{ID: docs[len(docs)-1].ID}
		}
		require.Equal(tb, len(want), got, spec.Name)
	}
}
