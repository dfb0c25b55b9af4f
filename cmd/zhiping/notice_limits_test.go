package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A notice has limits of attachments of its own, which uploads are held to and which the refusals name; another notice of the
// same type keeps the type's.
func TestANoticeSetsItsOwnLimitsForAttachments(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	bureau, person := s.as("bureau"), s.as("applicant")
	d := definitionOf(t, "grade3.assessment")
	body := noticeBody(d.Type, map[string]any{"slotLimits": map[string]any{
		"photo": map[string]any{"pixels": []any{map[string]any{"width": 358, "height": 441}}}, "term_proof": map[string]any{"maxBytes": 20 << 10, "maxFiles": 1}}})
	draft := bureau.want(http.StatusCreated, "", "POST", "/notices", body)
	notice := "/notices/" + draft.str("id")
	published := bureau.want(http.StatusOK, "", "POST", notice+"/publish", nil)
	shown := person.want(http.StatusOK, "", "GET", notice, nil)
	for _, a := range []answer{draft, published, shown} {
		for _, slot := range a.items("attachmentSlots") {
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
	bureau.want(http.StatusOK, "", "PUT", notice, body)
	bureau.want(http.StatusConflict, "notice_published", "PUT", notice, noticeBody(d.Type, map[string]any{"opensAt": body["opensAt"], "closesAt": body["closesAt"]}))

	bind(person, s.as("unit"), university)
	id := person.want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": draft.str("id"), "selfCheck": selfCheck(d)}).str("id")
	for _, module := range []string{"basic", "term"} {
		person.want(http.StatusOK, "", "PUT", "/declarations/"+id+"/modules/"+module, []byte(`{}`))
	}
	large := pdf(strings.Repeat("x", 30<<10))
	for _, ex := range []struct {
		slot, name string
		content    []byte
		status     int
		code, says string
	}{
		{"photo", "photo.jpg", photo(413, 626), http.StatusUnprocessableEntity, "upload_pixels", "358×441"},
		{"photo", "photo.jpg", photo(358, 441), http.StatusCreated, "", ""},
		{"term_proof", "large.pdf", large, http.StatusRequestEntityTooLarge, "upload_too_large", "20KB"},
		{"term_proof", "proof.pdf", pdf("x"), http.StatusCreated, "", ""},
		{"term_proof", "more.pdf", pdf("y"), http.StatusConflict, "slot_full", "1"},
	} {
		if a := person.upload(id, ex.slot, "", ex.name, ex.content); a.status != ex.status || a.str("code") != ex.code || !strings.Contains(a.str("detail"), ex.says) {
			t.Errorf("%s in %s: %d %s", ex.name, ex.slot, a.status, a.raw)
		}
	}
	usual := person.want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": publish(bureau, noticeBody(d.Type, nil)), "selfCheck": selfCheck(d)}).str("id")
	person.want(http.StatusOK, "", "PUT", "/declarations/"+usual+"/modules/term", []byte(`{}`))
	if a := person.upload(usual, "term_proof", "", "large.pdf", large); a.status != http.StatusCreated {
		t.Errorf("by another notice of the type: %d %s", a.status, a.raw)
	}

	wrong := noticeBody(d.Type, map[string]any{
		"slotLimits": map[string]any{"thesis": map[string]any{"maxFiles": 1}, "term_proof": map[string]any{"maxBytes": 2 << 30}, "assessment_proof": map[string]any{"pixels": []any{map[string]any{"width": 358, "height": 441}}}},
		"quotas":     map[string]any{"university": 1, university: -1, strings.Replace(company, "08", "09", 1): 1}})
	for _, lang := range []string{"zh", "en"} {
		var at []string
		for _, f := range bureau.want(http.StatusUnprocessableEntity, "invalid", "POST", "/notices", wrong, "Accept-Language", lang).items("errors") {
			if message, _ := f["message"].(string); message == "" || lang == "zh" && !han.MatchString(message) {
				t.Errorf("%v in %s", f, lang)
			}
			location, _ := f["location"].(string)
			at = append(at, location)
		}
		slices.Sort(at)
		if diff := cmp.Diff([]string{"body.quotas." + university, "body.quotas." + strings.Replace(company, "08", "09", 1), "body.quotas.university",
			"body.slotLimits.assessment_proof.pixels", "body.slotLimits.term_proof.maxBytes", "body.slotLimits.thesis"}, at); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Two units under one notice have quotas of their own, which their officers see, and the bureau sees both.
func TestANoticeGivesUnitsQuotasOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	d := definitionOf(t, "grade3.assessment")
	first, second, unit, unit2, bureau := s.as("applicant"), s.as("applicant2"), s.as("unit"), s.as("unit2"), s.as("bureau")
	bind(first, unit, university)
	bind(second, unit2, company)
	for _, ex := range []struct {
		changes        map[string]any
		here, there    any // what their officers are told; nil: no bound
		code2, detail2 string
	}{
		{map[string]any{"quota": 5, "quotas": map[string]any{university: 1, company: 0}}, 1.0, 0.0, "quota_none", "未给本单位"},
		{map[string]any{"quotas": map[string]any{company: 0}}, nil, 0.0, "quota_none", "未给本单位"},
		{map[string]any{"quota": 2, "quotas": map[string]any{company: 3}}, 2.0, 3.0, "", ""},
	} {
		id := publish(bureau, noticeBody(d.Type, ex.changes))
		tags := map[string]bool{}
		for _, look := range []struct {
			by          *caller
			own, quotas any
		}{{unit, ex.here, nil}, {unit2, ex.there, nil}, {bureau, nil, ex.changes["quotas"]}, {first, nil, nil}, {s.as("department"), nil, nil}} {
			a := look.by.want(http.StatusOK, "", "GET", "/notices/"+id, nil)
			quotas, shown := a.body["quotas"].(map[string]any)
			if a.body["unitQuota"] != look.own || shown != (look.quotas != nil) {
				t.Errorf("told %v: %v and %v", look.own, a.body["unitQuota"], quotas)
			}
			if shown && len(quotas) != len(ex.changes["quotas"].(map[string]any)) {
				t.Errorf("the bureau sees %v", quotas)
			}
			tags[a.header.Get("ETag")] = true
		}
		if len(tags) < 3 {
			t.Errorf("different answers have the same tag: %v", tags)
		}
		approved := map[*caller]answer{}
		for person, officer := range map[*caller]*caller{first: unit, second: unit2} {
			path := declare(person, d, id)
			person.want(http.StatusOK, "", "POST", path+"/submit", pledge)
			approved[officer] = officer.do("POST", path+"/approve", map[string]any{})
		}
		if a := approved[unit]; a.status != http.StatusOK {
			t.Errorf("%v: %s", ex.changes, a.raw)
		}
		if a := approved[unit2]; a.str("code") != ex.code2 || !strings.Contains(a.str("detail"), ex.detail2) {
			t.Errorf("%v: %s", ex.changes, a.raw)
		}
	}
}
