package e2e

import (
	"archive/zip"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
)

// Hostile input gets a clear 4xx and writes nothing.
func TestHostileInputIsRefusedAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	d := world.Definition(t, "title.regular")
	person, unit, auditor := s.As("applicant"), s.As("unit"), s.As("auditor")
	world.Bind(person, unit, world.University)
	id := world.StartDeclaration(person, d)
	position := world.FillIn(person, d, id)
	path := "/declarations/" + id
	events := func() int {
		return len(auditor.After(position, path+"/audit?limit=200").Items("items"))
	}
	before := events()
	other := s.As("applicant2")
	world.Bind(other, unit, world.University)
	reviewed := "/declarations/" + world.StartDeclaration(other, d)
	world.FillIn(other, d, strings.TrimPrefix(reviewed, "/declarations/"))
	other.Want(http.StatusOK, "", "POST", reviewed+"/submit", map[string]any{"commitment": true})
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	w, _ := z.Create("a.txt")
	_, _ = w.Write([]byte("not a document"))
	_ = z.Close()
	slot := ""
	for _, sl := range d.Slots {
		if len(sl.Pixels) == 0 && sl.Module != "recommenders" {
			slot = sl.Key
			break
		}
	}
	type attack struct {
		who    *world.Caller
		method string
		path   string
		body   any
		header []string
		status []int
	}
	json := func(s string) []byte { return []byte(s) }
	for name, a := range map[string]attack{
		"truncated JSON":             {person, "PUT", path + "/modules/basic", json(`{"name":"王`), nil, []int{400}},
		"no JSON at all":             {person, "PUT", path + "/modules/basic", json(`hello`), nil, []int{400}},
		"a list for an object":       {person, "PUT", path + "/modules/basic", json(`[1,2]`), nil, []int{400, 422}},
		"wrong types":                {person, "PUT", path + "/modules/basic", json(`{"name":5}`), nil, []int{422}},
		"a NUL byte in a string":     {person, "PUT", path + "/modules/basic", json(`{"name":"a\u0000b"}`), nil, []int{400, 422}},
		"a raw NUL byte":             {person, "PUT", path + "/modules/basic", json("{\"name\":\"a\x00b\"}"), nil, []int{400}},
		"broken UTF-8":               {person, "PUT", path + "/modules/basic", json("{\"name\":\"\xff\xfe\"}"), nil, []int{400, 422}},
		"nested ten thousand deep":   {person, "PUT", path + "/modules/basic", json(strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)), nil, []int{400, 422}},
		"50 MB of JSON":              {person, "PUT", path + "/modules/basic", json(`{"name":"` + strings.Repeat("a", 50<<20) + `"}`), nil, []int{413}},
		"an unknown module":          {person, "PUT", path + "/modules/..%2f..%2fetc", json(`{}`), nil, []int{404}},
		"a declaration id of dots":   {person, "GET", "/declarations/..%2f..%2fetc%2fpasswd", nil, nil, []int{400, 404, 422}},
		"a limit of minus one":       {person, "GET", "/declarations?limit=-1", nil, nil, []int{400, 422}},
		"a limit that is no number":  {person, "GET", "/declarations?limit=ten", nil, nil, []int{400, 422}},
		"a forged cursor":            {person, "GET", "/declarations?cursor=AAAA", nil, nil, []int{400, 422}},
		"an opinion of 10,000 chars": {unit, "POST", reviewed + "/return", map[string]any{"opinion": strings.Repeat("长", 10_000), "modules": []string{"basic"}}, nil, []int{422}},
		"an opinion that is a list":  {unit, "POST", reviewed + "/return", json(`{"opinion":["x"],"modules":["basic"]}`), nil, []int{422}},
		"an idempotency key of 129":  {person, "PUT", path + "/modules/basic", json(`{}`), []string{"Idempotency-Key", strings.Repeat("k", 129)}, []int{400, 422}},
		"an If-Match that is none":   {person, "PUT", path + "/modules/basic", json(`{}`), []string{"If-Match", "abc"}, []int{400, 412, 422}},
		"an If-Match of yesterday":   {person, "PUT", path + "/modules/basic", json(`{}`), []string{"If-Match", `"0"`}, []int{412}},
		"a token that is none":       {&world.Caller{Server: s, Token: strings.Repeat("x", 4000)}, "GET", "/me", nil, nil, []int{401}},
		"nobody at all":              {&world.Caller{Server: s}, "GET", "/declarations", nil, nil, []int{401}},
		"a method that is not there": {person, "PATCH", path, json(`{}`), nil, []int{405}},
		"a member named twice":       {unit, "POST", reviewed + "/return", json(`{"opinion":"甲","opinion":"乙","modules":["basic"]}`), nil, []int{400}},
		"two bodies in one":          {unit, "POST", reviewed + "/return", json(`{"opinion":"甲","modules":["basic"]}{}`), nil, []int{400}},
		"a bad body from nobody":     {&world.Caller{Server: s}, "POST", "/bindings", json(`{"uscc":5}`), nil, []int{401}},
		"a bad body from the wrong":  {unit, "POST", "/bindings", json(`{"uscc":5}`), nil, []int{403}},
		"a route that is not there":  {person, "GET", "/secrets", nil, nil, []int{404}},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.who.Do(a.method, a.path, a.body, a.header...)
			refused(t, got, a.status)
		})
	}
	for name, f := range map[string]struct {
		slot, name string
		content    []byte
		status     []int
	}{
		"a zip named .pdf":         {slot, "论文.pdf", zipped.Bytes(), []int{415}},
		"a page named .pdf":        {slot, "论文.pdf", []byte("<html><script>alert(1)</script></html>"), []int{415}},
		"an empty file":            {slot, "论文.pdf", nil, []int{415, 422}},
		"a photo of another size":  {"photo", "照片.jpg", world.Photo(100, 100), []int{422}},
		"a slot that is not there": {"../../etc", "论文.pdf", world.PDF("x"), []int{422}},
		"a file of 6 MB":           {slot, "论文.pdf", append(world.PDF("x"), make([]byte, 6<<20)...), []int{413}},
		"a file of 50 MB":          {slot, "论文.pdf", make([]byte, 50<<20), []int{413}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, person.Upload(id, f.slot, "", f.name, f.content), f.status) })
	}
	position = other.Want(http.StatusOK, "", "PUT", "/declarations/"+world.StartDeclaration(other, world.Definition(t, "grade3.assessment"))+"/modules/basic", json(`{}`)).Header.Get("X-Position")
	if after := events(); after != before {
		t.Fatalf("%d events were written", after-before)
	}
	t.Run("a path in a file name is cut to its last part", func(t *testing.T) {
		a := person.Upload(id, slot, "", `../../../etc/证书.pdf`, world.PDF("x"))
		if a.Status != http.StatusCreated || a.Str("name") != "证书.pdf" {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
	})
}

func refused(t *testing.T, a world.Answer, statuses []int) {
	t.Helper()
	ok := false
	for _, s := range statuses {
		ok = ok || a.Status == s
	}
	if !ok || a.Str("code") == "" || a.Str("detail") == "" {
		t.Fatalf("%d %.300s, want %v with a code and a sentence", a.Status, a.Raw, statuses)
	}
	for _, leak := range []string{"goroutine", ".go:", "sqlite", "panic", "SELECT "} {
		if bytes.Contains(a.Raw, []byte(leak)) {
			t.Fatalf("the answer leaks %q: %.300s", leak, a.Raw)
		}
	}
}
