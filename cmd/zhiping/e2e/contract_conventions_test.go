package e2e

import (
	"bufio"
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/domain/catalog/catalogtest"
)

// The conventions of the contract that every route shares.
func TestConventionsOfTheContract(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	d := world.Definition(t, "title.regular")
	person, unit, analyst, auditor := s.As("applicant"), s.As("unit"), s.As("analyst"), s.As("auditor")
	world.Bind(person, unit, world.University)
	id := world.StartDeclaration(person, d)
	path := "/declarations/" + id
	basic := []byte(catalogtest.Form(d)["basic"])

	t.Run("a read that the caller has already is 304", func(t *testing.T) {
		tag := person.Want(200, "", "GET", path, nil).Header.Get("ETag")
		if a := person.Do("GET", path, nil, "If-None-Match", tag); a.Status != 304 || len(a.Raw) > 0 {
			t.Fatalf("%d %q", a.Status, a.Raw)
		}
	})
	t.Run("but not in another language", func(t *testing.T) {
		tag := person.Want(200, "", "GET", path, nil).Header.Get("ETag")
		english := person.Want(200, "", "GET", path, nil, "If-None-Match", tag, "Accept-Language", "en")
		if english.Str("statusText") != "Draft" {
			t.Fatal(english.Str("statusText"))
		}
		person.Want(200, "", "PUT", path+"/modules/basic", `{"name":"甲"}`, "If-Match", english.Header.Get("ETag"))
	})
	t.Run("the event feed waits for no view", func(t *testing.T) {
		analyst.Want(200, "", "GET", "/events?after=9000000000000000000", nil)
	})
	t.Run("one key on two streams makes two events", func(t *testing.T) {
		person.Want(200, "", "PUT", path+"/modules/basic", `{"name":"乙"}`, "Idempotency-Key", "twice")
		second := world.Definition(t, "grade3.assessment")
		started := person.Want(201, "", "POST", "/declarations", map[string]any{"noticeId": world.OpenNotice(person, second.Type), "selfCheck": world.SelfCheck(second)}, "Idempotency-Key", "twice")
		newest := func(declaration, typ string) any {
			t.Helper()
			var ids []any
			for _, e := range auditor.Want(200, "", "GET", "/declarations/"+declaration+"/audit?limit=200", nil).Items("items") {
				if e["type"] == typ {
					ids = append(ids, e["eventId"])
				}
			}
			if len(ids) == 0 || ids[len(ids)-1] == nil {
				t.Fatalf("no %s in the trail of %s", typ, declaration)
			}
			return ids[len(ids)-1]
		}
		if one, other := newest(id, "ModuleSaved"), newest(started.Str("id"), "DeclarationStarted"); one == other {
			t.Fatalf("both events have the id %v", one)
		}
	})
	t.Run("If-Match lets one of two writers through", func(t *testing.T) {
		saved := person.Want(200, "", "PUT", path+"/modules/basic", basic)
		tag := saved.Header.Get("ETag")
		person.Want(200, "", "PUT", path+"/modules/summary", []byte(catalogtest.Form(d)["summary"]), "If-Match", tag)
		person.Want(412, "stale_revision", "PUT", path+"/modules/basic", `{"name":"另一人"}`, "If-Match", tag)
	})
	t.Run("a repeated key answers the same and writes nothing", func(t *testing.T) {
		a := person.Upload(id, "photo", "", "照片.jpg", world.Photo(413, 626), "Idempotency-Key", "photo-1")
		b := person.Upload(id, "photo", "", "照片.jpg", world.Photo(413, 626), "Idempotency-Key", "photo-1")
		if a.Status != 201 || string(a.Raw) != string(b.Raw) || a.Header.Get("X-Position") != b.Header.Get("X-Position") {
			t.Fatalf("%s\n%s", a.Raw, b.Raw)
		}
	})
	t.Run("a position that does not come is 503, with when to try again", func(t *testing.T) {
		a := person.Want(503, "read_model_behind", "GET", "/declarations?after=9000000000000000000", nil)
		if a.Header.Get("Retry-After") == "" {
			t.Fatal("no Retry-After")
		}
	})
	t.Run("the request id is kept, and is the correlation id of the event", func(t *testing.T) {
		a := person.Want(200, "", "PUT", path+"/modules/basic", `{"name":"王五"}`, "X-Request-ID", "my-request-7")
		if a.Header.Get("X-Request-ID") != "my-request-7" {
			t.Fatal(a.Header)
		}
		entries := auditor.After(a.Header.Get("X-Position"), "/audit?type=ModuleSaved&declaration="+id).Items("items")
		if len(entries) == 0 || entries[len(entries)-1]["correlationId"] != "my-request-7" {
			t.Fatalf("%v", entries)
		}
	})
	t.Run("the audit trail is in the order of time, bounded by it and by actor or type", func(t *testing.T) {
		walk := func(query string) (out []map[string]any) {
			for cursor := ""; ; {
				a := auditor.Want(200, "", "GET", "/audit?limit=3"+query+cursor, nil)
				out = append(out, a.Items("items")...)
				if a.Str("next") == "" {
					return out
				}
				cursor = "&cursor=" + a.Str("next")
			}
		}
		all := walk("")
		middle := all[len(all)/2]
		at, actor := middle["at"].(string), middle["actor"].(map[string]any)["id"].(string)
		instant := parsed(t, at)
		kept := map[string][]map[string]any{}
		var before time.Time
		for _, e := range all {
			when := parsed(t, e["at"].(string))
			if when.Before(before.Truncate(time.Microsecond)) {
				t.Fatalf("%v after %v", when, before)
			}
			before = when
			by := e["actor"].(map[string]any)["id"] == actor
			for query, is := range map[string]bool{
				"from": !when.Before(instant), "to": !when.After(instant), "actor": by, "actor to": by && !when.After(instant),
				"type": e["type"] == middle["type"], "type from": e["type"] == middle["type"] && !when.Before(instant),
			} {
				if is {
					kept[query] = append(kept[query], e)
				}
			}
		}
		from, to := "&from="+url.QueryEscape(at), "&to="+url.QueryEscape(at)
		for want, query := range map[string]string{
			"from": from, "to": to, "actor": "&actor=" + actor, "actor to": "&actor=" + actor + to,
			"type": "&type=" + middle["type"].(string), "type from": "&type=" + middle["type"].(string) + from,
		} {
			if got := walk(query); !reflect.DeepEqual(got, kept[want]) {
				t.Errorf("%s: %d entries, want %d", query, len(got), len(kept[want]))
			}
		}
	})
	t.Run("pages go on where they ended while rows are added", func(t *testing.T) {
		first := auditor.Want(200, "", "GET", path+"/audit?limit=2", nil)
		person.Want(200, "", "PUT", path+"/modules/basic", basic)
		var revisions []float64
		for a := first; ; {
			for _, e := range a.Items("items") {
				revisions = append(revisions, e["streamRevision"].(float64))
			}
			next := a.Str("next")
			if next == "" {
				break
			}
			a = auditor.Want(200, "", "GET", path+"/audit?limit=2&cursor="+next, nil)
		}
		for i, r := range revisions {
			if r != float64(i) {
				t.Fatalf("%v", revisions)
			}
		}
	})
	t.Run("sentences are English for those who ask", func(t *testing.T) {
		if a := person.Want(409, "already_declared", "POST", "/declarations", map[string]any{"noticeId": world.OpenNotice(person, d.Type), "selfCheck": world.SelfCheck(d)}, "Accept-Language", "en-GB,en"); a.Str("detail") != "You have declared for this notice already" {
			t.Fatal(a.Str("detail"))
		}
	})
	t.Run("a download can be resumed", func(t *testing.T) {
		form := person.Want(200, "", "GET", path, nil)
		file := path + "/attachments/" + form.Items("attachments")[0]["id"].(string)
		whole := person.Want(200, "", "GET", file, nil)
		part := person.Want(206, "", "GET", file, nil, "Range", "bytes=10-19")
		if string(part.Raw) != string(whole.Raw[10:20]) || part.Header.Get("Content-Range") != fmt.Sprintf("bytes 10-19/%d", len(whole.Raw)) {
			t.Fatalf("%q %s", part.Raw, part.Header.Get("Content-Range"))
		}
		size := fmt.Sprint(len(whole.Raw))
		for asked, want := range map[string]string{"bytes=-5": string(whole.Raw[len(whole.Raw)-5:]), "bytes=-" + size + "0": string(whole.Raw), "bytes=5-" + size + "0": string(whole.Raw[5:])} {
			if a := person.Want(206, "", "GET", file, nil, "Range", asked, "If-Range", whole.Header.Get("ETag")); string(a.Raw) != want {
				t.Errorf("%s: %d bytes", asked, len(a.Raw))
			}
		}
		for _, asked := range []string{"bytes=-0", "bytes=" + size + "-", "bytes=9-5"} {
			if a := person.Want(416, "range_not_satisfiable", "GET", file, nil, "Range", asked); a.Header.Get("Content-Range") != "bytes */"+size {
				t.Errorf("%s: %v", asked, a.Header)
			}
		}
		for _, of := range []string{`"another"`, "W/" + whole.Header.Get("ETag"), "Sat, 28 Nov 2026 10:00:00 GMT"} {
			for _, asked := range []string{"bytes=10-19", "bytes=" + size + "-"} {
				if a := person.Want(200, "", "GET", file, nil, "Range", asked, "If-Range", of); string(a.Raw) != string(whole.Raw) || a.Header.Get("Content-Range") != "" {
					t.Errorf("%s of %s: %d bytes, %v", asked, of, len(a.Raw), a.Header)
				}
			}
		}
		if _, params, err := mime.ParseMediaType(whole.Header.Get("Content-Disposition")); err != nil || params["filename"] != form.Items("attachments")[0]["name"] {
			t.Errorf("%s, %v", whole.Header.Get("Content-Disposition"), err)
		}
		s.As("applicant2").Want(404, "", "GET", file, nil)
	})
	t.Run("the declaration as it was", func(t *testing.T) {
		if a := auditor.Want(200, "", "GET", path+"?asOfRevision=0", nil); a.Str("status") != "draft" || a.Items("modules")[0]["data"] != nil {
			t.Fatalf("%s", a.Raw)
		}
		auditor.Want(404, "", "GET", path+"?asOf=2020-01-01T00:00:00Z", nil)
	})
	t.Run("a signed-out token is dead at once", func(t *testing.T) {
		gone := s.As("applicant2")
		gone.Want(204, "", "POST", "/auth/logout", nil)
		gone.Want(401, "", "GET", "/me", nil)
	})
	t.Run("callers with the cookie repeat the CSRF token", func(t *testing.T) {
		nobody := &world.Caller{Server: s}
		in := nobody.Do("POST", "/auth/login", map[string]any{"account": "applicant2", "password": demo.Password})
		cookie := in.Header.Get("Set-Cookie")
		for _, want := range []string{"HttpOnly", "SameSite=Lax"} {
			if !strings.Contains(cookie, want) {
				t.Fatalf("cookie %q", cookie)
			}
		}
		cookie, _, _ = strings.Cut(cookie, ";")
		nobody.Want(200, "", "GET", "/me", nil, "Cookie", cookie)
		nobody.Want(403, "csrf_token", "POST", "/bindings", map[string]any{"uscc": world.University}, "Cookie", cookie)
		nobody.Want(201, "", "POST", "/bindings", map[string]any{"uscc": world.University}, "Cookie", cookie, "X-CSRF-Token", in.Str("csrfToken"))
	})
	t.Run("analysts see events without personal data", func(t *testing.T) {
		a := analyst.Want(200, "", "GET", "/events?limit=200", nil)
		if !strings.Contains(string(a.Raw), "zhiping.ModuleSaved") || strings.Contains(string(a.Raw), "王小明") {
			t.Fatalf("%.400s", a.Raw)
		}
		analyst.Want(403, "", "GET", path+"/audit", nil)
		analyst.Want(403, "", "GET", path, nil)
	})
	t.Run("HEAD, other methods and lists of tags", func(t *testing.T) { methods(t, auditor, path) })
	t.Run("the event stream goes on from the last event id", func(t *testing.T) { streams(t, analyst) })
	t.Run("the contract is published as OpenAPI 3.1", func(t *testing.T) { published(t, s) })
	s.Stop()
}

// methods holds a resource to RFC 9110.
func methods(t *testing.T, c *world.Caller, path string) {
	get := c.Want(200, "", "GET", path, nil)
	head := c.Want(200, "", "HEAD", path, nil)
	if tag := get.Header.Get("ETag"); tag == "" || head.Header.Get("ETag") != tag || len(head.Raw) > 0 || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") {
		t.Fatalf("HEAD answered %v and %d bytes, GET %v", head.Header, len(head.Raw), get.Header)
	}
	if a := c.Want(405, "method_not_allowed", "PATCH", path, nil); a.Header.Get("Allow") != "GET, HEAD" {
		t.Fatalf("Allow: %s", a.Header.Get("Allow"))
	}
	if a := c.Want(405, "", "DELETE", "/declarations", nil); a.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Fatalf("Allow: %s", a.Header.Get("Allow"))
	}
	c.Want(404, "", "PATCH", path+"/nothing", nil)
	for _, tags := range []string{get.Header.Get("ETag"), `"x", W/` + get.Header.Get("ETag"), "*"} {
		c.Want(304, "", "GET", path, nil, "If-None-Match", tags)
	}
	c.Want(200, "", "GET", path, nil, "If-None-Match", `"x", "y"`)
	c.Want(200, "", "HEAD", "/events/stream", nil)
}

// streams reads two events, comes back with the last id, and gets the third.
func streams(t *testing.T, c *world.Caller) {
	ids := func(n int, last string) []string {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", c.Server.URL+"/api/v1/events/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.Token)
		if last != "" {
			req.Header.Set("Last-Event-ID", last)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var got []string
		for lines := bufio.NewScanner(res.Body); len(got) < n && lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				got = append(got, id)
			}
		}
		return got
	}
	all := ids(3, "")
	if len(all) != 3 {
		t.Fatalf("%v", all)
	}
	if more := ids(1, all[1]); !slices.Equal(more, all[2:]) {
		t.Fatalf("after %s came %v, want %s", all[1], more, all[2])
	}
}

// published compares the served document with the routes that the contract names.
func published(t *testing.T, s *world.Server) {
	a := (&world.Caller{Server: s}).Want(200, "", "GET", "/openapi.json", nil)
	if !strings.HasPrefix(a.Str("openapi"), "3.1") {
		t.Fatalf("OpenAPI %q", a.Str("openapi"))
	}
	paths, _ := a.Body["paths"].(map[string]any)
	for _, route := range strings.Fields(`
		post:/auth/login post:/auth/logout get:/me get:/units post:/units post:/units/{uscc}/approve post:/bindings
		get:/bindings get:/bindings/current delete:/bindings/current post:/bindings/{applicantId}/approve
		post:/bindings/{applicantId}/reject get:/lines get:/notices get:/notices/{id} post:/notices put:/notices/{id}
		post:/notices/{id}/publish post:/notices/{id}/close post:/declarations get:/declarations get:/declarations/{id}
		put:/declarations/{id}/modules/{module} post:/declarations/{id}/attachments
		get:/declarations/{id}/attachments/{aid} delete:/declarations/{id}/attachments/{aid}
		post:/declarations/{id}/recommenders put:/declarations/{id}/recommenders/{rid}
		delete:/declarations/{id}/recommenders/{rid} get:/declarations/{id}/validation post:/declarations/{id}/submit
		post:/declarations/{id}/withdraw get:/declarations/{id}/timeline get:/worklist post:/declarations/{id}/approve
		post:/declarations/{id}/return post:/declarations/{id}/terminate post:/declarations/{id}/approve-final
		post:/worklist/approve get:/declarations/{id}/audit get:/bindings/{applicantId}/audit get:/audit get:/events
		get:/events/stream get:/stats/notices/{id} get:/accounts/{id}/roles post:/accounts/{id}/roles
		delete:/accounts/{id}/roles/{role}`) {
		method, path, _ := strings.Cut(route, ":")
		if methods, _ := paths["/api/v1"+path].(map[string]any); methods[method] == nil {
			t.Errorf("the document lacks %s %s", method, path)
		}
	}
}

func parsed(t *testing.T, at string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		t.Fatal(err)
	}
	return when
}
