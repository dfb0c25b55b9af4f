package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels/views"
)

// host runs a node in this process, until the function that it answers is called.
func host(t testing.TB, c *serveCmd) (s *server, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s = &server{t: t, data: c.Data, log: &safeBuffer{}}
	at, done := make(chan string, 1), make(chan error, 1)
	c.Addr, c.Roles, c.Log, c.listening = "127.0.0.1:0", "all", "error", func(addr string) { at <- addr }
	go func() { done <- c.Run(ctx, io.Discard) }()
	stop = func() {
		cancel()
		if err, ok := <-done; ok && err != nil {
			t.Error(err)
		}
		close(done)
	}
	select {
	case addr := <-at:
		s.url = "http://" + addr
	case err := <-done:
		t.Fatal(err)
	}
	return s, stop
}

// projector runs `zhiping projections …` on a data folder.
func projector(t *testing.T, data string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), append([]string{"projections"}, append(args, "--data", data)...), &out, io.Discard); err != nil {
		t.Fatalf("projections %v: %v\n%s", args, err, out.String())
	}
	return out.String()
}

// A document that cannot be projected stays as it was, says so to whoever reads it, is counted and listed, holds up
// nobody else, and is repaired once the program is.
func TestAParkedDocumentSaysSoUntilItIsReplayed(t *testing.T) {
	data := t.TempDir()
	broken := folds.Timeline()
	fold := broken.Apply
	broken.Apply = func(docs *projections.Docs[views.Timeline], e domain.Recorded) error {
		if _, is := e.Event.(declaration.Submitted); is {
			return errors.New("out of order")
		}
		return fold(docs, e)
	}
	all := folds.All()
	for i, f := range all {
		if f.Spec().Name == broken.View.Name {
			all[i] = broken
		}
	}
	d := definitionOf(t, "grade3.assessment")

	s, stop := host(t, &serveCmd{Data: data, Demo: true, folds: all})
	person, other, unit := s.as("applicant"), s.as("applicant2"), s.as("unit")
	bind(person, unit, university)
	bind(other, unit, university)
	id, sound := begin(person, d), begin(other, d)
	complete(person, d, id)
	path := "/declarations/" + id
	if a := person.want(http.StatusOK, "", "GET", path+"/timeline", nil); a.header.Get("X-Parked") != "" {
		t.Fatal("parked before anything went wrong")
	}
	person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	stale := person.want(http.StatusOK, "", "GET", path+"/timeline", nil)
	if stale.header.Get("X-Parked") != "true" || stale.str("status") != "draft" {
		t.Fatalf("parked %q, status %s", stale.header.Get("X-Parked"), stale.str("status"))
	}
	if a := person.want(http.StatusOK, "", "GET", path, nil); a.header.Get("X-Parked") != "true" {
		t.Error("the form, which shows the same state, does not say so")
	}
	if a := person.want(http.StatusOK, "", "GET", "/declarations", nil); a.header.Get("X-Parked") != "" || a.items("items")[0]["status"] != "submitted" {
		t.Errorf("the list is parked %q, though only the timeline is broken: %s", a.header.Get("X-Parked"), a.raw)
	}
	if a := other.want(http.StatusOK, "", "GET", "/declarations/"+sound+"/timeline", nil); a.header.Get("X-Parked") != "" {
		t.Error("another timeline is parked")
	}
	if metrics := scrape(t, s); !strings.Contains(metrics, fmt.Sprintf("zhiping_projection_parked{version=%q,view=%q} 1\n", fmt.Sprint(broken.View.Version), broken.View.Name)) {
		t.Error("the parked document is not counted")
	}
	stop()

	list := projector(t, data, "parked")
	if strings.Count(list, "\n") != 2 || !strings.Contains(list, id) || !strings.Contains(list, "out of order") {
		t.Fatalf("parked:\n%s", list)
	}
	if out := projector(t, data, "replay-parked", "timeline"); strings.Contains(out, id) {
		t.Fatalf("still parked:\n%s", out)
	}
	s, stop = host(t, &serveCmd{Data: data})
	defer stop()
	repaired := s.as("applicant").want(http.StatusOK, "", "GET", path+"/timeline", nil)
	if repaired.header.Get("X-Parked") != "" || repaired.str("status") != "submitted" {
		t.Fatalf("parked %q, status %s", repaired.header.Get("X-Parked"), repaired.str("status"))
	}
	contract := (&caller{s: s}).want(http.StatusOK, "", "GET", "/openapi.json", nil)
	if !strings.Contains(string(contract.raw), `"X-Parked"`) {
		t.Error("the contract does not name the header")
	}
}
