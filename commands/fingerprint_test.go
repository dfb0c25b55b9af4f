package commands

import (
	"encoding/json"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/binding"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
)

// The fingerprints of stored commands, as the first version made them: a retry after an upgrade must be recognised. A new
// command adds its line; no line ever changes.
func TestFingerprintsOfStoredCommandsNeverChange(t *testing.T) {
	id := uuid.MustParse("00000000-0000-4000-8000-00000000000a")
	end := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	got := map[string]string{}
	add := func(name string, c any) {
		sum, err := fingerprint(name, c)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = sum
	}
	for _, c := range []account.Command{account.Grant{Role: domain.Auditor, Expires: &end}, account.Revoke{Role: domain.Auditor}, account.RevokeAll{}, account.Claim{Issuer: "https://id.example", Roles: []account.Claimed{{Role: domain.Auditor}}}, account.Record{Role: domain.Admin}} {
		add(account.CommandName(c), c)
	}
	for _, c := range []binding.Command{binding.Bind{USCC: "12220000127701509T"}, binding.Approve{}, binding.Reject{Opinion: "查无此人"}, binding.Unbind{}} {
		add(binding.CommandName(c), c)
	}
	for _, c := range []unit.Command{unit.Register{Name: "示范大学", Department: domain.Organization{ID: "dept", Name: "主管部门"}, OverrideReason: "营业执照如此"}, unit.Approve{}} {
		add(unit.CommandName(c), c)
	}
	for _, c := range []organization.Command{organization.Create{Name: "教育厅", Kind: organization.KindDepartment, Parent: "hrss"}, organization.Rename{Name: "省教育厅"}, organization.GrantOfficer{Account: "a1", Expires: &end}, organization.RevokeGrant{Account: "a1"}, organization.Close{}, organization.Reopen{}} {
		add(organization.CommandName(c), c)
	}
	content := notice.Content{Type: "title.regular", Title: "通知", Year: 2026, OpensAt: end, ClosesAt: end.Add(time.Hour), Bureau: domain.Organization{ID: "b"}}
	for _, c := range []notice.Command{notice.Draft{Content: content}, notice.Revise{Content: content}, notice.Publish{}, notice.Close{}} {
		add(notice.CommandName(c), c)
	}
	file := declaration.File{ID: id, Slot: "photo", Name: "照片.png", Type: "image/png", Size: 7}
	data := json.RawMessage(`{"name":"王一"}`)
	for _, c := range []declaration.Command{
		declaration.Start{NoticeID: id, SelfCheck: map[string]bool{"ethics": true}}, declaration.SaveModule{Module: "basic", Data: data},
		declaration.AttachFile{File: file}, declaration.RemoveFile{ID: id}, declaration.AddRecommender{ID: id, Data: data},
		declaration.ChangeRecommender{ID: id, Data: data}, declaration.RemoveRecommender{ID: id}, declaration.Submit{Commitment: true},
		declaration.Withdraw{}, declaration.ApproveStage{Stage: "unit", Opinion: "同意"}, declaration.Return{Opinion: "改", Modules: []string{"basic"}},
		declaration.Terminate{Opinion: "不符"}, declaration.ApproveFinal{Opinion: "同意"},
	} {
		add(declaration.CommandName(c), c)
	}
	stored, err := os.ReadFile("testdata/fingerprints.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(stored, &want); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Fatalf("fingerprints %v\nstored       %v", got, want)
	}
}
