package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog/catalogtest"
	"zhiping/infra/identity/sender"
)

// textGateway takes text messages, and can be away.
type textGateway struct {
	*httptest.Server
	mu     sync.Mutex
	away   bool
	failed int
	took   []string // kinds and phones of what it took, codes left out
	ids    map[string]int
	code   string
}

const textSecret = "sixteen bytes at least"

func newTextGateway(t *testing.T) *textGateway {
	g := &textGateway{ids: map[string]int{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var m struct {
			Phone, Kind string
			Args        map[string]any
		}
		if err != nil || json.Unmarshal(body, &m) != nil ||
			r.Header.Get("X-Zhiping-Signature") != "v1="+sender.Sign([]byte(textSecret), r.Header.Get("X-Zhiping-Timestamp"), body) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		code, isCode := m.Args["code"].(string)
		switch {
		case isCode:
			g.code = code
		case g.away:
			g.failed++
			w.WriteHeader(http.StatusBadGateway)
		default:
			g.took = append(g.took, m.Kind+" to "+m.Phone)
			g.ids[r.Header.Get("Idempotency-Key")]++
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *textGateway) lastCode() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.code
}

func (g *textGateway) state() (took []string, failed int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.took), g.failed
}

func (g *textGateway) be(away bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.away = away
}

// Somebody with a telephone hears of every decision once: also of one that was taken while the gateway was away and
// after which the server was killed, and never again when the server starts anew or views are rebuilt.
func TestPeopleAreToldWhatOfficesDecide(t *testing.T) {
	t.Parallel()
	gateway, data := newTextGateway(t), t.TempDir()
	flags := []string{"--demo", "--sms-webhook", gateway.URL, "--sms-secret", textSecret}
	s := world.Start(t, data, flags...)
	const phone = "13900000031"
	registered := func(s *world.Server) *world.Caller {
		nobody := &world.Caller{Server: s}
		return &world.Caller{Server: s, Token: nobody.Want(200, "", "POST", "/auth/login", map[string]any{"account": phone, "password": "correct horse 电池"}).Str("accessToken")}
	}
	nobody := &world.Caller{Server: s}
	nobody.Want(202, "", "POST", "/auth/codes", map[string]any{"phone": phone, "purpose": "register"})
	s.Eventually("a code", func() bool { return gateway.lastCode() != "" })
	d := world.Definition(t, "grade3.assessment")
	var who struct{ Name, IDNumber string } // as the form will say
	if err := json.Unmarshal(catalogtest.Form(d)["basic"], &who); err != nil {
		t.Fatal(err)
	}
	nobody.Want(201, "", "POST", "/auth/register", map[string]any{"phone": phone, "code": gateway.lastCode(), "password": "correct horse 电池", "name": who.Name, "idNumber": who.IDNumber})
	person, unit := registered(s), s.As("unit")
	world.Bind(person, unit, world.University)
	path := declare(person, d, world.OpenNotice(person, d.Type))
	person.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
	heard := func(want ...string) {
		t.Helper()
		for i := range want {
			want[i] += " to " + phone
		}
		defer func() {
			if took, failed := gateway.state(); t.Failed() {
				t.Logf("heard %v, %d failed attempts", took, failed)
			}
		}()
		s.Eventually(strings.Join(want, ", "), func() bool { took, _ := gateway.state(); return slices.Equal(took, want) })
	}
	heard("binding.approved")

	gateway.be(true)
	unit.Want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请补充", "modules": []string{"term"}})
	s.Eventually("a failed attempt", func() bool { _, failed := gateway.state(); return failed > 0 })
	s.Kill()
	gateway.be(false)
	s = world.Start(t, data, flags...)
	heard("binding.approved", "decision.returned_until")

	person, unit = registered(s), s.As("unit")
	person.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
	unit.Want(http.StatusOK, "", "POST", path+"/approve", map[string]any{"opinion": "同意"})
	s.As("department").Want(http.StatusOK, "", "POST", path+"/approve", map[string]any{})
	s.As("committee").Want(http.StatusOK, "", "POST", path+"/approve-final", map[string]any{})
	heard("binding.approved", "decision.returned_until", "decision.approved")

	s.Stop()
	views, err := filepath.Glob(filepath.Join(data, "views.sqlite*"))
	if err != nil || len(views) == 0 {
		t.Fatalf("no views: %v", err)
	}
	for _, v := range views {
		if err := os.Remove(v); err != nil {
			t.Fatal(err)
		}
	}
	s = world.Start(t, data, flags...)
	s.As("auditor").Want(http.StatusOK, "", "GET", path+"/timeline", nil)
	time.Sleep(300 * time.Millisecond) // for what must not come
	heard("binding.approved", "decision.returned_until", "decision.approved")
	gateway.mu.Lock()
	defer gateway.mu.Unlock()
	if len(gateway.ids) != 3 {
		t.Errorf("ids %v", gateway.ids)
	}
}

func TestNobodyIsToldWhereNotificationsAreOff(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo", "--no-notifications")
	world.Bind(s.As("applicant"), s.As("unit"), world.University)
	if strings.Contains(scrape(t, s), `kind="binding.approved"`) {
		t.Fatal("somebody was told, or tried to be")
	}
}
