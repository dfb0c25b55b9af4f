package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
)

// Who is to decide must be there: declarations would wait for an office that is not for ever.
func TestANoticeNamesOfficesOfTheTree(t *testing.T) {
	w := world.New(t)
	admin, bureau := w.Actor("admin"), w.Actor("bureau")
	named := func(bureau, committee string) map[string]any {
		return noticeBody("title.regular", map[string]any{"bureau": map[string]any{"id": bureau}, "committee": map[string]any{"id": committee, "name": "随便"}})
	}
	admin.Want(http.StatusCreated, "", "POST", "/organizations", map[string]any{"id": "c3", "name": "停用评委会", "kind": "committee", "parent": demo.Bureau.ID})
	before := admin.Want(http.StatusCreated, "", "POST", "/notices", named(demo.Bureau.ID, "c3")).Str("id")
	admin.Want(http.StatusOK, "", "POST", "/organizations/c3/close", nil)
	good := admin.Want(http.StatusCreated, "", "POST", "/notices", named(demo.Bureau.ID, demo.Committee.ID))
	if good.Str("committee", "name") != demo.Committee.Name || good.Str("bureau", "name") != demo.Bureau.Name {
		t.Fatalf("the offices are not called as the tree calls them: %s", good.Raw)
	}
	refused := func(want, method, path string, body any) {
		t.Helper()
		a := admin.Want(http.StatusUnprocessableEntity, "invalid", method, path, body)
		var told []string
		for _, f := range a.Items("errors") {
			told = append(told, fmt.Sprint(f["location"], " ", f["message"]))
		}
		if got := strings.Join(told, "; "); got != want {
			t.Errorf("%s %s of %v:\n%s, want\n%s", method, path, body, got, want)
		}
	}
	for _, ex := range []struct{ bureau, committee, want string }{
		{"nowhere", "nobody", "body.bureau 没有该机构; body.committee 没有该机构"},
		{demo.Committee.ID, demo.Department.ID, "body.bureau 该机构不是人社部门; body.committee 该机构不是评委会"},
		{demo.Bureau.ID, "c3", "body.committee 该机构已停用"},
		{demo.Bureau.ID, "c2", "body.committee 该评委会属于其他人社部门"},
	} {
		refused(ex.want, "POST", "/notices", named(ex.bureau, ex.committee))
		refused(ex.want, "PUT", "/notices/"+good.Str("id"), named(ex.bureau, ex.committee))
	}
	refused("body.committee 该机构已停用", "POST", "/notices/"+before+"/publish", nil)
	refused("body.bureau 必填", "POST", "/notices", noticeBody("title.regular", nil)) // an admin has none of their own

	// A published notice is extended whether its bureau is repeated or not, by an admin and by a bureau above alike.
	admin.Want(http.StatusCreated, "", "POST", "/organizations", map[string]any{"id": "b3", "name": "市人社局", "kind": "bureau", "parent": demo.Bureau.ID})
	body := named("b3", demo.Committee.ID)
	notice := publish(bureau.Caller, body)
	later := time.Now().UTC().AddDate(0, 2, 0)
	for _, who := range []*world.Actor{admin, bureau} {
		for _, repeated := range []bool{true, false} {
			if !repeated {
				body = maps.Clone(body)
				delete(body, "bureau")
			}
			later = later.Add(time.Hour)
			body["closesAt"] = later
			if a := who.Want(http.StatusOK, "", "PUT", "/notices/"+notice, body); a.Str("bureau", "id") != "b3" {
				t.Errorf("%s: %s", who.Name, a.Raw)
			}
			body["bureau"] = map[string]any{"id": "b3", "name": "市人社局"}
		}
	}
}

func TestANoticeThatMakesNoSenseIsNotPublished(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	bureau, now := s.As("bureau"), time.Now().UTC()
	id := bureau.Want(http.StatusCreated, "", "POST", "/notices", noticeBody("grade2.appointment", map[string]any{"cutOff": "1900-01-01T00:00:00Z",
		"year": now.Year() - 20, "opensAt": now.AddDate(0, -2, 0), "closesAt": now.AddDate(0, -1, 0)})).Str("id")
	a := bureau.Want(http.StatusUnprocessableEntity, "invalid", "POST", "/notices/"+id+"/publish", nil)
	var told []string
	for _, f := range a.Items("errors") {
		if message, _ := f["message"].(string); !world.Han.MatchString(message) {
			t.Errorf("no sentence: %v", f)
		}
		told = append(told, fmt.Sprint(f["location"]))
	}
	if diff := cmp.Diff([]string{"body.closesAt", "body.cutOff", "body.year", "body.batch"}, told); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	bureau.Want(http.StatusOK, "", "PUT", "/notices/"+id, noticeBody("grade2.appointment", map[string]any{"batch": "第三批"}))
	bureau.Want(http.StatusOK, "", "POST", "/notices/"+id+"/publish", nil)
	s.Stop()
}
