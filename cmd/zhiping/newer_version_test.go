package main

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
	s := start(t, t.TempDir(), "--eventstore", store.ConnectionString(), "--demo")
	person := s.as("applicant")
	bind(person, s.as("unit"), university)
	id, other := begin(person, definitionOf(t, "grade3.assessment")), begin(person, definitionOf(t, "grade2.assessment"))

	codec, err := eventstore.NewCodec(append(commands.EventTypes(), domain.EventType{Name: "DeclarationRated", Version: 1, Zero: rated{}})...)
	require.NoError(t, err)
	newer, err := eventstore.Open(eventstore.Config{Address: store.Endpoint()}, codec)
	require.NoError(t, err)
	defer newer.Close()
	_, err = newer.Append(t.Context(), "declaration-"+id, 0, []domain.Proposed{{ID: uuid.New(), Type: "DeclarationRated", Event: rated{7}, Meta: domain.Metadata{At: time.Now(), CommandID: uuid.New()}}})
	require.NoError(t, err)

	metrics := func() string {
		res, err := http.Get(s.url + "/metrics")
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return string(text)
	}
	s.eventually("stopped projections", func() bool { return strings.Contains(metrics(), "zhiping_projection_stopped 1") })
	person.want(409, "history_of_newer_version", "PUT", "/declarations/"+id+"/modules/term", []byte(`{}`))
	person.want(200, "", "GET", "/declarations/"+id, nil) // as it was before
	person.want(200, "", "PUT", "/declarations/"+other+"/modules/term", []byte(`{}`))
}
