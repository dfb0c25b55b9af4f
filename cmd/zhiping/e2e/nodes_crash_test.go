package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog/catalogtest"
)

// A kill -9 in the middle of a load loses nothing that was acknowledged and doubles nothing that is retried: in the
// events, in the audit trail and in every view, and again when the views are built anew from the events.
func TestNothingAcknowledgedIsLostWhenTheProcessIsKilled(t *testing.T) {
	data := t.TempDir()
	s := world.Start(t, data, "--demo")
	people := []*world.Caller{s.As("applicant"), s.As("applicant2")}
	officer := s.As("unit")
	d := world.Definition(t, "title.regular")
	var basic map[string]any
	if err := json.Unmarshal(catalogtest.Form(d)["basic"], &basic); err != nil {
		t.Fatal(err)
	}
	declarations := make([]string, len(people))
	for i, p := range people {
		world.Bind(p, officer, world.University)
		declarations[i] = world.StartDeclaration(p, d)
	}

	// Each worker saves on and on; it remembers what was acknowledged, and the one command that may or may not have been.
	const workers = 6
	type worker struct{ acknowledged, last int }
	done := make([]worker, workers)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	save := func(ctx context.Context, p *world.Caller, w, n int) (world.Answer, error) {
		body := map[string]any{}
		for k, v := range basic {
			body[k] = v
		}
		body["name"] = fmt.Sprintf("王%d之%d", w, n)
		return p.Try(ctx, "PUT", "/declarations/"+declarations[w%len(people)]+"/modules/basic", body,
			"Idempotency-Key", fmt.Sprintf("w%d-%d", w, n), "X-Request-ID", fmt.Sprintf("req-%d-%d", w, n))
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := 1; ctx.Err() == nil; n++ {
				done[w].last = n
				a, err := save(ctx, people[w%len(people)], w, n)
				if err != nil {
					return // killed while this one was under way
				}
				if a.Status != http.StatusOK {
					t.Errorf("worker %d: %d %s", w, a.Status, a.Raw)
					return
				}
				done[w].acknowledged = n
			}
		}()
	}
	time.Sleep(1500 * time.Millisecond)
	s.Kill()
	cancel()
	wg.Wait()
	total := 0
	for _, w := range done {
		total += w.acknowledged
	}
	if total < 50 {
		t.Fatalf("only %d commands were acknowledged before the kill: no load", total)
	}

	s = world.Start(t, data, "--demo")
	people = []*world.Caller{s.As("applicant"), s.As("applicant2")}
	for w := range workers { // the client's retry of what it never heard back from
		if a, err := save(context.Background(), people[w%len(people)], w, done[w].last); err != nil || a.Status != http.StatusOK {
			t.Fatalf("retry: %v %d %s", err, a.Status, a.Raw)
		}
	}
	check := func(s *world.Server) {
		t.Helper()
		auditor := s.As("auditor")
		for i, id := range declarations {
			seen, last, revision := auditedSaves(t, auditor, id)
			for _, view := range []string{"", "/timeline"} {
				if tag := auditor.Want(http.StatusOK, "", "GET", "/declarations/"+id+view, nil).Header.Get("ETag"); tag != fmt.Sprintf(`"%d"`, revision) {
					t.Errorf("%s%s is at %s, the last event at %d", id, view, tag, revision)
				}
			}
			if rows := people[i].Want(http.StatusOK, "", "GET", "/declarations", nil).Items("items"); len(rows) != 1 || rows[0]["id"] != id {
				t.Errorf("the history list shows %v", rows)
			}
			for w := i; w < workers; w += len(people) {
				for n := 1; n <= done[w].last; n++ {
					if got := seen[fmt.Sprintf("req-%d-%d", w, n)]; got != 1 {
						t.Errorf("command %d of worker %d is there %d times", n, w, got)
					}
				}
			}
			form := auditor.Want(http.StatusOK, "", "GET", "/declarations/"+id, nil)
			for _, m := range form.Items("modules") {
				if v, _ := m["data"].(map[string]any); m["key"] == "basic" && v["name"] != last {
					t.Errorf("the form shows %v, the last event says %q", v["name"], last)
				}
			}
		}
	}
	check(s)
	t.Logf("%d acknowledged commands survived", total)

	// A deleted views file is rebuilt from the events.
	s.Stop()
	views, err := filepath.Glob(filepath.Join(data, "views*"))
	if err != nil || len(views) == 0 {
		t.Fatalf("no views file: %v", err)
	}
	for _, v := range views {
		if err := os.RemoveAll(v); err != nil {
			t.Fatal(err)
		}
	}
	s = world.Start(t, data, "--demo")
	people = []*world.Caller{s.As("applicant"), s.As("applicant2")}
	check(s)
	s.Stop()
}

// auditedSaves reads a declaration's whole trail: how often each request is in it, the last name
// saved, and the revision of the last event.
func auditedSaves(t *testing.T, auditor *world.Caller, id string) (seen map[string]int, last string, final int) {
	t.Helper()
	seen = map[string]int{}
	revision := 0
	for cursor := ""; ; {
		a := auditor.Want(http.StatusOK, "", "GET", "/declarations/"+id+"/audit?limit=200&cursor="+cursor, nil)
		for _, e := range a.Items("items") {
			if e["streamRevision"] != float64(revision) {
				t.Fatalf("a gap: revision %v follows %s", e["streamRevision"], strconv.Itoa(revision-1))
			}
			revision++
			if e["type"] != "ModuleSaved" {
				continue
			}
			correlation, _ := e["correlationId"].(string)
			seen[correlation]++
			changes, _ := e["changes"].([]any)
			for _, c := range changes {
				m, _ := c.(map[string]any)
				if name, ok := m["after"].(string); ok && m["path"] == "/modules/basic/name" {
					last = name
				} else if whole, ok := m["after"].(map[string]any); ok && m["path"] == "/modules/basic" {
					last, _ = whole["name"].(string)
				}
			}
		}
		next, _ := a.Body["next"].(string)
		if next == "" {
			return seen, last, revision - 1
		}
		cursor = next
	}
}
