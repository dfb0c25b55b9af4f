package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zhiping/cmd/zhiping/e2e/world"
)

// A notice has limits of attachments of its own, which uploads are held to and which the refusals name; another notice of the
// same type keeps the type's.
func TestANoticeSetsItsOwnLimitsForAttachments(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	bureau, person := s.As("bureau"), s.As("applicant")
	d := world.Definition(t, "grade3.assessment")
	body := noticeBody(d.Type, map[string]any{"slotLimits": map[string]any{
		"photo": map[string]any{"pixels": []any{map[string]any{"width": 358, "height": 441}}}, "term_proof": map[string]any{"maxBytes": 20 << 10, "maxFiles": 1}}})
	draft := bureau.Want(http.StatusCreated, "", "POST", "/notices", body)
	notice := "/notices/" + draft.Str("id")
	published := bureau.Want(http.StatusOK, "", "POST", notice+"/publish", nil)
	shown := person.Want(http.StatusOK, "", "GET", notice, nil)
	for _, a := range []world.Answer{draft, published, shown} {
		for _, slot := range a.Items("attachmentSlots") {
			want := map[string]any{}
			switch slot["key"] {
			case "photo":
				want["pixels"] = []any{map[string]any{"width": 358.0, "height": 441.0}}
				want["maxBytes"], want["maxFiles"] = 300.0*1024, 1.0
			case "term_proof":
				want["maxBytes"], want["maxFiles"] = 20.0*1024, 1.0
			case "assessment_proof":
				want["maxBytes"], want["maxFiles"] = 5.0*1024*1024, slot["maxFiles"]
			}
			for field, v := range want {
				if diff := cmp.Diff(v, slot[field]); diff != "" {
					t.Errorf("%s of %s (-want +got):\n%s", field, slot["key"], diff)
				}
			}
		}
	}
	// What was published stays: only the same again is taken.
	bureau.Want(http.StatusOK, "", "PUT", notice, body)
	bureau.Want(http.StatusConflict, "notice_published", "PUT", notice, noticeBody(d.Type, map[string]any{"opensAt": body["opensAt"], "closesAt": body["closesAt"]}))

	world.Bind(person, s.As("unit"), world.University)
	id := person.Want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": draft.Str("id"), "selfCheck": world.SelfCheck(d)}).Str("id")
	for _, module := range []string{"basic", "term"} {
		person.Want(http.StatusOK, "", "PUT", "/declarations/"+id+"/modules/"+module, []byte(`{}`))
	}
	large := world.PDF(strings.Repeat("x", 30<<10))
	for _, ex := range []struct {
		slot, name string
		content    []byte
		status     int
		code, says string
	}{
		{"photo", "photo.jpg", world.Photo(413, 626), http.StatusUnprocessableEntity, "upload_pixels", "358×441"},
		{"photo", "photo.jpg", world.Photo(358, 441), http.StatusCreated, "", ""},
		{"term_proof", "large.pdf", large, http.StatusRequestEntityTooLarge, "upload_too_large", "20KB"},
		{"term_proof", "proof.pdf", world.PDF("x"), http.StatusCreated, "", ""},
		{"term_proof", "more.pdf", world.PDF("y"), http.StatusConflict, "slot_full", "1"},
	} {
		if a := person.Upload(id, ex.slot, "", ex.name, ex.content); a.Status != ex.status || a.Str("code") != ex.code || !strings.Contains(a.Str("detail"), ex.says) {
			t.Errorf("%s in %s: %d %s", ex.name, ex.slot, a.Status, a.Raw)
		}
	}
	usual := person.Want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": publish(bureau, noticeBody(d.Type, nil)), "selfCheck": world.SelfCheck(d)}).Str("id")
	person.Want(http.StatusOK, "", "PUT", "/declarations/"+usual+"/modules/term", []byte(`{}`))
	if a := person.Upload(usual, "term_proof", "", "large.pdf", large); a.Status != http.StatusCreated {
		t.Errorf("by another notice of the type: %d %s", a.Status, a.Raw)
	}

	wrong := noticeBody(d.Type, map[string]any{
		"slotLimits": map[string]any{"thesis": map[string]any{"maxFiles": 1}, "term_proof": map[string]any{"maxBytes": 2 << 30}, "assessment_proof": map[string]any{"pixels": []any{map[string]any{"width": 358, "height": 441}}}},
		"quotas":     map[string]any{"university": 1, world.University: -1, strings.Replace(world.Company, "08", "09", 1): 1}})
	for _, lang := range []string{"zh", "en"} {
		var at []string
		for _, f := range bureau.Want(http.StatusUnprocessableEntity, "invalid", "POST", "/notices", wrong, "Accept-Language", lang).Items("errors") {
			if message, _ := f["message"].(string); message == "" || lang == "zh" && !world.Han.MatchString(message) {
				t.Errorf("%v in %s", f, lang)
			}
			location, _ := f["location"].(string)
			at = append(at, location)
		}
		slices.Sort(at)
		if diff := cmp.Diff([]string{"body.quotas." + world.University, "body.quotas." + strings.Replace(world.Company, "08", "09", 1), "body.quotas.university",
			"body.slotLimits.assessment_proof.pixels", "body.slotLimits.term_proof.maxBytes", "body.slotLimits.thesis"}, at); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Two units under one notice have quotas of their own, which their officers see, and the bureau sees both.
func TestANoticeGivesUnitsQuotasOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	d := world.Definition(t, "grade3.assessment")
	first, second, unit, unit2, bureau := s.As("applicant"), s.As("applicant2"), s.As("unit"), s.As("unit2"), s.As("bureau")
	world.Bind(first, unit, world.University)
	world.Bind(second, unit2, world.Company)
	for _, ex := range []struct {
		changes        map[string]any
		here, there    any // what their officers are told; nil: no bound
		code2, detail2 string
	}{
		{map[string]any{"quota": 5, "quotas": map[string]any{world.University: 1, world.Company: 0}}, 1.0, 0.0, "quota_none", "未给本单位"},
		{map[string]any{"quotas": map[string]any{world.Company: 0}}, nil, 0.0, "quota_none", "未给本单位"},
		{map[string]any{"quota": 2, "quotas": map[string]any{world.Company: 3}}, 2.0, 3.0, "", ""},
	} {
		id := publish(bureau, noticeBody(d.Type, ex.changes))
		tags := map[string]bool{}
		for _, look := range []struct {
			by          *world.Caller
			own, quotas any
		}{{unit, ex.here, nil}, {unit2, ex.there, nil}, {bureau, nil, ex.changes["quotas"]}, {first, nil, nil}, {s.As("department"), nil, nil}} {
			a := look.by.Want(http.StatusOK, "", "GET", "/notices/"+id, nil)
			quotas, shown := a.Body["quotas"].(map[string]any)
			if a.Body["unitQuota"] != look.own || shown != (look.quotas != nil) {
				t.Errorf("told %v: %v and %v", look.own, a.Body["unitQuota"], quotas)
			}
			if shown && len(quotas) != len(ex.changes["quotas"].(map[string]any)) {
				t.Errorf("the bureau sees %v", quotas)
			}
			tags[a.Header.Get("ETag")] = true
		}
		if len(tags) < 3 {
			t.Errorf("different answers have the same tag: %v", tags)
		}
		approved := map[*world.Caller]world.Answer{}
		for person, officer := range map[*world.Caller]*world.Caller{first: unit, second: unit2} {
			path := declare(person, d, id)
			person.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
			approved[officer] = officer.Do("POST", path+"/approve", map[string]any{})
		}
		if a := approved[unit]; a.Status != http.StatusOK {
			t.Errorf("%v: %s", ex.changes, a.Raw)
		}
		if a := approved[unit2]; a.Str("code") != ex.code2 || !strings.Contains(a.Str("detail"), ex.detail2) {
			t.Errorf("%v: %s", ex.changes, a.Raw)
		}
	}
}
