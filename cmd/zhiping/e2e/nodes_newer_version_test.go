package e2e

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/commands"
	"zhiping/domain"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
)

// rated is an event of the next release.
type rated struct {
	Points int `json:"points"`
}

// A newer node writes a type that this one does not know.
func TestAnOlderNodeServesOnWhileANewerOneWritesNewTypes(t *testing.T) {
	store, err := esdbserver.Open(t.Context(), esdbserver.Config{Path: filepath.Join(t.TempDir(), "events"), Addr: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = store.Close(ctx)
	})
	s := world.Start(t, t.TempDir(), "--eventstore", store.ConnectionString(), "--demo")
	person := s.As("applicant")
	world.Bind(person, s.As("unit"), world.University)
	id, other := world.StartDeclaration(person, world.Definition(t, "grade3.assessment")), world.StartDeclaration(person, world.Definition(t, "grade2.assessment"))

	codec, err := eventstore.NewCodec(append(commands.EventTypes(), domain.EventType{Name: "DeclarationRated", Version: 1, Zero: rated{}})...)
	require.NoError(t, err)
	newer, err := eventstore.Open(eventstore.Config{Address: store.Endpoint()}, codec)
	require.NoError(t, err)
	defer newer.Close()
	_, err = newer.Append(t.Context(), "declaration-"+id, 0, []domain.Proposed{{ID: uuid.New(), Type: "DeclarationRated", Event: rated{7}, Meta: domain.Metadata{At: time.Now(), CommandID: uuid.New()}}})
	require.NoError(t, err)

	metrics := func() string {
		res, err := http.Get(s.URL + "/metrics")
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return string(text)
	}
	s.Eventually("stopped projections", func() bool { return strings.Contains(metrics(), "zhiping_projection_stopped 1") })
	person.Want(409, "history_of_newer_version", "PUT", "/declarations/"+id+"/modules/term", []byte(`{}`))
	person.Want(200, "", "GET", "/declarations/"+id, nil) // as it was before
	person.Want(200, "", "PUT", "/declarations/"+other+"/modules/term", []byte(`{}`))
}
