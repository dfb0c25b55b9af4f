package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/node"
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels/views"
)

// projector runs `zhiping projections …` on a data folder.
func projector(t *testing.T, data string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := world.Run(t.Context(), append([]string{"projections"}, append(args, "--data", data)...), &out, io.Discard); err != nil {
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
	d := world.Definition(t, "grade3.assessment")

	s, stop := world.StartInProcessWith(t, &node.Options{Data: data, Demo: true, Folds: all})
	person, other, unit := s.As("applicant"), s.As("applicant2"), s.As("unit")
	world.Bind(person, unit, world.University)
	world.Bind(other, unit, world.University)
	id, sound := world.StartDeclaration(person, d), world.StartDeclaration(other, d)
	world.FillIn(person, d, id)
	path := "/declarations/" + id
	if a := person.Want(http.StatusOK, "", "GET", path+"/timeline", nil); a.Header.Get("X-Parked") != "" {
		t.Fatal("parked before anything went wrong")
	}
	person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	stale := person.Want(http.StatusOK, "", "GET", path+"/timeline", nil)
	if stale.Header.Get("X-Parked") != "true" || stale.Str("status") != "draft" {
		t.Fatalf("parked %q, status %s", stale.Header.Get("X-Parked"), stale.Str("status"))
	}
	if a := person.Want(http.StatusOK, "", "GET", path, nil); a.Header.Get("X-Parked") != "true" {
		t.Error("the form, which shows the same state, does not say so")
	}
	if a := person.Want(http.StatusOK, "", "GET", "/declarations", nil); a.Header.Get("X-Parked") != "" || a.Items("items")[0]["status"] != "submitted" {
		t.Errorf("the list is parked %q, though only the timeline is broken: %s", a.Header.Get("X-Parked"), a.Raw)
	}
	if a := other.Want(http.StatusOK, "", "GET", "/declarations/"+sound+"/timeline", nil); a.Header.Get("X-Parked") != "" {
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
	s, stop = world.StartInProcessWith(t, &node.Options{Data: data})
	defer stop()
	repaired := s.As("applicant").Want(http.StatusOK, "", "GET", path+"/timeline", nil)
	if repaired.Header.Get("X-Parked") != "" || repaired.Str("status") != "submitted" {
		t.Fatalf("parked %q, status %s", repaired.Header.Get("X-Parked"), repaired.Str("status"))
	}
	contract := (&world.Caller{Server: s}).Want(http.StatusOK, "", "GET", "/openapi.json", nil)
	if !strings.Contains(string(contract.Raw), `"X-Parked"`) {
		t.Error("the contract does not name the header")
	}
}
