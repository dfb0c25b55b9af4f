package main

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Who is to decide must be there: declarations would wait for an office that is not for ever.
func TestANoticeNamesOfficesOfTheTree(t *testing.T) {
	w := newWorld(t)
	admin, bureau := w.actor("admin"), w.actor("bureau")
	named := func(bureau, committee string) map[string]any {
		return noticeBody("title.regular", map[string]any{"bureau": map[string]any{"id": bureau}, "committee": map[string]any{"id": committee, "name": "随便"}})
	}
	admin.want(http.StatusCreated, "", "POST", "/organizations", map[string]any{"id": "c3", "name": "停用评委会", "kind": "committee", "parent": demoBureau.ID})
	before := admin.want(http.StatusCreated, "", "POST", "/notices", named(demoBureau.ID, "c3")).str("id")
	admin.want(http.StatusOK, "", "POST", "/organizations/c3/close", nil)
	good := admin.want(http.StatusCreated, "", "POST", "/notices", named(demoBureau.ID, demoCommittee.ID))
	if good.str("committee", "name") != demoCommittee.Name || good.str("bureau", "name") != demoBureau.Name {
		t.Fatalf("the offices are not called as the tree calls them: %s", good.raw)
	}
	refused := func(want, method, path string, body any) {
		t.Helper()
		a := admin.want(http.StatusUnprocessableEntity, "invalid", method, path, body)
		var told []string
		for _, f := range a.items("errors") {
			told = append(told, fmt.Sprint(f["location"], " ", f["message"]))
		}
		if got := strings.Join(told, "; "); got != want {
			t.Errorf("%s %s of %v:\n%s, want\n%s", method, path, body, got, want)
		}
	}
	for _, ex := range []struct{ bureau, committee, want string }{
		{"nowhere", "nobody", "body.bureau 没有该机构; body.committee 没有该机构"},
		{demoCommittee.ID, demoDepartment.ID, "body.bureau 该机构不是人社部门; body.committee 该机构不是评委会"},
		{demoBureau.ID, "c3", "body.committee 该机构已停用"},
		{demoBureau.ID, "c2", "body.committee 该评委会属于其他人社部门"},
	} {
		refused(ex.want, "POST", "/notices", named(ex.bureau, ex.committee))
		refused(ex.want, "PUT", "/notices/"+good.str("id"), named(ex.bureau, ex.committee))
	}
	refused("body.committee 该机构已停用", "POST", "/notices/"+before+"/publish", nil)
	refused("body.bureau 必填", "POST", "/notices", noticeBody("title.regular", nil)) // an admin has none of their own

	// A published notice is extended whether its bureau is repeated or not, by an admin and by a bureau above alike.
	admin.want(http.StatusCreated, "", "POST", "/organizations", map[string]any{"id": "b3", "name": "市人社局", "kind": "bureau", "parent": demoBureau.ID})
	body := named("b3", demoCommittee.ID)
	notice := publish(bureau.caller, body)
	later := time.Now().UTC().AddDate(0, 2, 0)
	for _, who := range []*actor{admin, bureau} {
		for _, repeated := range []bool{true, false} {
			if !repeated {
				body = maps.Clone(body)
				delete(body, "bureau")
			}
			later = later.Add(time.Hour)
			body["closesAt"] = later
			if a := who.want(http.StatusOK, "", "PUT", "/notices/"+notice, body); a.str("bureau", "id") != "b3" {
				t.Errorf("%s: %s", who.name, a.raw)
			}
			body["bureau"] = map[string]any{"id": "b3", "name": "市人社局"}
		}
	}
}

func TestANoticeThatMakesNoSenseIsNotPublished(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	bureau, now := s.as("bureau"), time.Now().UTC()
	id := bureau.want(http.StatusCreated, "", "POST", "/notices", noticeBody("grade2.appointment", map[string]any{"cutOff": "1900-01-01T00:00:00Z",
		"year": now.Year() - 20, "opensAt": now.AddDate(0, -2, 0), "closesAt": now.AddDate(0, -1, 0)})).str("id")
	a := bureau.want(http.StatusUnprocessableEntity, "invalid", "POST", "/notices/"+id+"/publish", nil)
	var told []string
	for _, f := range a.items("errors") {
		if message, _ := f["message"].(string); !han.MatchString(message) {
			t.Errorf("no sentence: %v", f)
		}
		told = append(told, fmt.Sprint(f["location"]))
	}
	if diff := cmp.Diff([]string{"body.closesAt", "body.cutOff", "body.year", "body.batch"}, told); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	bureau.want(http.StatusOK, "", "PUT", "/notices/"+id, noticeBody("grade2.appointment", map[string]any{"batch": "第三批"}))
	bureau.want(http.StatusOK, "", "POST", "/notices/"+id+"/publish", nil)
	s.stop()
}
