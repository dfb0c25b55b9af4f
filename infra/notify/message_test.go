package notify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/infra/notify"
)

var (
	id     = uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	school = domain.Organization{ID: "12220000127701509T", Name: "示范大学"}
	start  = declaration.Started{Number: "2026-1", Notice: declaration.NoticeRef{Title: "正常申报"}, Applicant: domain.Organization{ID: "wang", Name: "王一"}}
)

func TestMessageOfEachEvent(t *testing.T) {
	for name, ex := range map[string]struct {
		stream string
		events []any
		kind   string // empty for nothing
		says   string
	}{
		"an approved binding":       {"binding-wang", []any{binding.Requested{}, binding.Approved{Unit: school}}, "binding.approved", "示范大学已同意"},
		"a refused binding":         {"binding-wang", []any{binding.Requested{}, binding.Rejected{Unit: school, Opinion: "查无此人"}}, "binding.rejected", "示范大学未同意"},
		"a request":                 {"binding-wang", []any{binding.Requested{}}, "", ""},
		"a return":                  {"declaration-" + id.String(), []any{start, declaration.Returned{Organization: school, Opinion: "缺学历证书"}}, "decision.returned", "正常申报，编号2026-1）已被示范大学退回，请登录"},
		"a return with a deadline":  {"declaration-" + id.String(), []any{start, declaration.Returned{Organization: school, Deadline: time.Date(2026, 5, 1, 16, 0, 0, 0, time.UTC)}}, "decision.returned_until", "请于2026-05-02 00:00前登录"},
		"a refusal":                 {"declaration-" + id.String(), []any{start, declaration.Terminated{Organization: school, Opinion: "不符合条件"}}, "decision.terminated", "经示范大学审核不通过"},
		"a final approval":          {"declaration-" + id.String(), []any{start, declaration.Approved{Organization: school}}, "decision.approved", "已终审通过"},
		"an approval on the way":    {"declaration-" + id.String(), []any{start, declaration.StageApproved{Organization: school}}, "", ""},
		"a stream without its head": {"declaration-" + id.String(), []any{declaration.Approved{Organization: school}}, "", ""},
		"no events":                 {"declaration-" + id.String(), nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var events []domain.Recorded
			for i, e := range ex.events {
				events = append(events, domain.Recorded{Stream: ex.stream, Revision: uint64(i), ID: id, Event: e})
			}
			m, ok := notify.Of(events)
			if ok != (ex.kind != "") {
				t.Fatalf("told: %v %+v", ok, m)
			}
			if !ok {
				return
			}
			if m.Account != "wang" || m.Kind != ex.kind || m.ID != id.String() {
				t.Fatalf("%+v", m)
			}
			body := text.Of("message."+m.Kind, m.Args)
			if !strings.Contains(body.ZH, ex.says) || strings.ContainsAny(body.ZH+body.EN, "{}") {
				t.Fatalf("%+v, want %q", body, ex.says)
			}
			for _, opinion := range []string{"查无此人", "缺学历证书", "不符合条件"} {
				if strings.Contains(body.ZH, opinion) {
					t.Fatalf("an opinion on a locked screen: %s", body.ZH)
				}
			}
			if subject := "message." + m.Kind + ".subject"; !text.Has(subject) || text.Of(subject, nil).EN == "" {
				t.Fatalf("no %s", subject)
			}
		})
	}
}

func TestEveryEventMakesAMessageOrIsDeclaredToMakeNone(t *testing.T) {
	types := notify.Types(commands.EventTypes())
	for _, e := range commands.EventTypes() {
		makes, declared := slices.Contains(types, e.Name), e.Shown&domain.InMessage != 0
		switch {
		case declared && !makes:
			t.Errorf("infra/notify/message.go, contentOf: add\n\tcase %T:\n\t\treturn %q, text.Args{}, true", e.Zero, "<kind>")
		case makes && !declared:
			t.Errorf("EventTypes, line of %s: add | domain.InMessage to Shown", e.Name)
		}
	}
}
