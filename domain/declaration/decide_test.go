package declaration_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
)

var (
	now       = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	id        = uuid.MustParse("00000000-0000-5000-8000-000000000001")
	noticeID  = uuid.MustParse("00000000-0000-4000-8000-00000000000a")
	fileID    = uuid.MustParse("00000000-0000-4000-8000-00000000000f")
	expertID  = uuid.MustParse("00000000-0000-4000-8000-0000000000e1")
	applicant = domain.Organization{ID: "wang", Name: "王一"}
	unit      = domain.Organization{ID: "12220000127701509T", Name: "示范大学"}
	unit2     = domain.Organization{ID: "91220101MA0Y3KQ208", Name: "示范科技公司"}
	dept      = domain.Organization{ID: "dept", Name: "主管部门"}
	bureau    = domain.Organization{ID: "bureau", Name: "人社厅"}
	committee = domain.Organization{ID: "committee", Name: "评委会"}
)

// checker compiles a small definition for real, so that the tables below run the same code as production.
func checker(t testing.TB, resubmitTo string) declaration.Checker {
	t.Helper()
	files := func(key, module string, required bool) catalog.Slot {
		return catalog.Slot{Key: key, Name: text.Same(key), Module: module, Required: required,
			Types: []string{"application/pdf"}, MaxBytes: 1000, MaxFiles: 2}
	}
	c, err := catalog.Compile(catalog.Definition{
		Type: "title.regular", Version: 1, Line: "title", Name: text.Same("正常职称申报"),
		SelfCheck: []catalog.CheckItem{{Key: "ethics", Text: text.Same("遵守职业道德"), Required: true}, {Key: "note", Text: text.Same("已阅读")}},
		Modules: []catalog.Module{
			{Key: "basic", Name: text.Same("基本信息"), Required: true, Schema: json.RawMessage(`{"type":"object","properties":{
				"name":{"type":"string","title":"姓名","maxLength":20},
				"category":{"type":"string","title":"申报类别","enum":["normal","exceptional"]}},
				"required":["name"],"additionalProperties":false}`)},
			{Key: "work", Name: text.Same("工作经历"), Schema: json.RawMessage(`{"type":"object","properties":{
				"years":{"type":"integer","title":"年限"}},"additionalProperties":false}`)},
		},
		Slots: []catalog.Slot{files("proof", "work", false), files("opinion", "recommenders", false)},
		Recommender: &catalog.Recommender{When: `has(basic.category) && basic.category == "exceptional"`, Count: 1,
			Schema:  json.RawMessage(`{"type":"object","properties":{"name":{"type":"string","title":"姓名"}},"required":["name"],"additionalProperties":false}`),
			Message: text.Same("请填写推荐专家")},
		Route: []catalog.Stage{
			{Key: "unit", Kind: catalog.StageUnit, Name: text.Same("推荐单位审核")},
			{Key: "department", Kind: catalog.StageDepartment, Name: text.Same("业务主管部门审核")},
			{Key: "committee", Kind: catalog.StageCommittee, Name: text.Same("评委会评审")},
		},
		ResubmitTo: resubmitTo,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func facts(t testing.TB) declaration.Facts {
	return declaration.Facts{
		Now: now, Checker: checker(t, ""), Unit: unit, Department: dept, Organization: unit,
		Notice: declaration.Notice{ID: noticeID, Title: "2026年职称申报", Year: 2026, Published: true, Open: true,
			Bureau: bureau, Committee: committee, CorrectionDays: 10},
	}
}

func with(f declaration.Facts, change func(*declaration.Facts)) declaration.Facts {
	change(&f)
	return f
}

var (
	noticeRef = declaration.NoticeRef{ID: noticeID, Title: "2026年职称申报", Type: "title.regular", Line: "title", Year: 2026}
	started   = declaration.Started{ID: id, Number: declaration.Number(2026, id), Notice: noticeRef, Applicant: applicant,
		Unit: unit, Department: dept, SelfCheck: map[string]bool{"ethics": true, "note": false}}
	basic = declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王一"}`)}
	work  = declaration.ModuleSaved{Module: "work", Data: json.RawMessage(`{"years":5}`)}
	route = []declaration.Stage{
		{Key: "unit", Kind: "unit", Name: text.Same("推荐单位审核"), Organization: unit},
		{Key: "department", Kind: "department", Name: text.Same("业务主管部门审核"), Organization: dept},
		{Key: "committee", Kind: "committee", Name: text.Same("评委会评审"), Organization: committee},
	}
	file = declaration.File{ID: fileID, Slot: "proof", Name: "证明.pdf", Size: 10, Type: "application/pdf", SHA256: "ab"}
)

func submitted(round int, stage string) declaration.Submitted {
	return declaration.Submitted{Round: round, Unit: unit, Department: dept, Route: route, Stage: stage, Commitment: text.Of("commitment", nil)}
}

func passed(from, to string, by domain.Organization) declaration.StageApproved {
	return declaration.StageApproved{Stage: from, Organization: by, Next: to}
}

func returned(stage string, by domain.Organization, modules ...string) declaration.Returned {
	return declaration.Returned{Stage: stage, Organization: by, Opinion: "请更正", Modules: modules, Deadline: now.AddDate(0, 0, 10)}
}

type events = []declaration.Event

// after adds events without touching what shares the list.
func after(base events, more ...declaration.Event) events { return append(slices.Clip(base), more...) }

type example struct {
	given events
	when  declaration.Command
	then  events
	err   error
}

func run(t *testing.T, examples map[string]example) {
	t.Helper()
	for name, ex := range examples {
		t.Run(name, func(t *testing.T) {
			var s declaration.State
			for _, e := range ex.given {
				s = declaration.Evolve(s, e)
			}
			got, err := declaration.Decide(s, ex.when)
			if !errors.Is(err, ex.err) || (err == nil) != (ex.err == nil) {
				t.Fatalf("error %v, want %v", err, ex.err)
			}
			if diff := cmp.Diff(ex.then, got); diff != "" {
				t.Fatalf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStart(t *testing.T) {
	ok := map[string]bool{"ethics": true}
	start := func(f declaration.Facts, checked map[string]bool) declaration.Start {
		return declaration.Start{Facts: f, ID: id, NoticeID: noticeID, Applicant: catalog.Person{ID: "wang", Name: "王一"}, SelfCheck: checked}
	}
	f := facts(t)
	run(t, map[string]example{
		"a bound applicant starts":            {when: start(f, ok), then: events{started}},
		"twice is refused":                    {given: events{started}, when: start(f, ok), err: declaration.ErrAlreadyDeclared},
		"an unconfirmed item is refused":      {when: start(f, nil), err: declaration.ErrSelfCheck},
		"without a unit it is refused":        {when: start(with(f, func(f *declaration.Facts) { f.Unit = domain.Organization{} }), ok), err: declaration.ErrNotBound},
		"while the binding is only asked for": {when: start(with(f, func(f *declaration.Facts) { f.Pending = true }), ok), err: declaration.ErrBindingPending},
		"a draft notice is not there":         {when: start(with(f, func(f *declaration.Facts) { f.Notice.Published = false }), ok), err: declaration.ErrNoticeNotFound},
		"a closed notice":                     {when: start(with(f, func(f *declaration.Facts) { f.Notice.Open = false }), ok), err: declaration.ErrNoticeClosed},
		"a notice that is not open yet":       {when: start(with(f, func(f *declaration.Facts) { f.Notice.Open, f.Notice.Upcoming = false, true }), ok), err: declaration.ErrNoticeNotOpen},
	})
}

func TestSaveModule(t *testing.T) {
	f := facts(t)
	save := func(f declaration.Facts, module, data string) declaration.SaveModule {
		return declaration.SaveModule{Facts: f, Module: module, Data: json.RawMessage(data)}
	}
	closed := with(f, func(f *declaration.Facts) { f.Notice.Open = false })
	late := with(f, func(f *declaration.Facts) { f.Now = now.AddDate(0, 0, 11) })
	back := events{started, basic, submitted(1, "unit"), returned("unit", unit, "basic")}
	run(t, map[string]example{
		"a draft's module is saved":             {given: events{started}, when: save(f, "basic", `{ "name": "王一" }`), then: events{basic}},
		"an incomplete one too":                 {given: events{started}, when: save(f, "basic", `{}`), then: events{declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{}`)}}},
		"the same again changes nothing":        {given: events{started, basic}, when: save(f, "basic", `{"name":"王一"}`)},
		"a wrong type is refused":               {given: events{started}, when: save(f, "work", `{"years":"five"}`), err: domain.ErrInvalid},
		"an unknown field is refused":           {given: events{started}, when: save(f, "work", `{"salary":1}`), err: domain.ErrInvalid},
		"an unknown module":                     {given: events{started}, when: save(f, "hobby", `{}`), err: declaration.ErrUnknownModule},
		"under review it is refused":            {given: events{started, basic, submitted(1, "unit")}, when: save(f, "basic", `{}`), err: declaration.ErrNotEditable},
		"returned, a marked module":             {given: back, when: save(f, "basic", `{"name":"王二"}`), then: events{declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王二"}`)}}},
		"returned, any other module is locked":  {given: back, when: save(f, "work", `{"years":6}`), err: declaration.ErrModuleLocked},
		"returned, even when the notice closed": {given: back, when: save(closed, "basic", `{"name":"王二"}`), then: events{declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王二"}`)}}},
		"returned, too late":                    {given: back, when: save(late, "basic", `{"name":"王二"}`), err: declaration.ErrCorrectionOverdue},
		"a draft lapses with its notice":        {given: events{started}, when: save(closed, "basic", `{}`), err: declaration.ErrNoticeClosed},
		"never started":                         {when: save(f, "basic", `{}`), err: declaration.ErrNotFound},
	})
}

func TestFiles(t *testing.T) {
	f := facts(t)
	attach := func(change func(*declaration.File)) declaration.AttachFile {
		fl := file
		change(&fl)
		return declaration.AttachFile{Facts: f, File: fl}
	}
	same := func(*declaration.File) {}
	other := file
	other.ID = uuid.MustParse("00000000-0000-4000-8000-0000000000ff")
	saved := events{started, work}
	run(t, map[string]example{
		"a file is attached to a saved module": {given: saved, when: attach(same), then: events{declaration.FileAttached{File: file}}},
		"save first, then attach":              {given: events{started}, when: attach(same), err: declaration.ErrSaveFirst},
		"an unknown slot":                      {given: saved, when: attach(func(f *declaration.File) { f.Slot = "selfie" }), err: domain.ErrInvalid},
		"too large":                            {given: saved, when: attach(func(f *declaration.File) { f.Size = 1001 }), err: declaration.ErrFileTooLarge},
		"of another type":                      {given: saved, when: attach(func(f *declaration.File) { f.Type = "application/zip" }), err: declaration.ErrFileType},
		"without a name":                       {given: saved, when: attach(func(f *declaration.File) { f.Name = "" }), err: domain.ErrInvalid},
		"a slot that is full":                  {given: after(saved, declaration.FileAttached{File: file}, declaration.FileAttached{File: other}), when: attach(same), err: declaration.ErrSlotFull},
		"under review it is refused":           {given: after(saved, basic, submitted(1, "unit")), when: attach(same), err: declaration.ErrNotEditable},
		"a file is removed":                    {given: after(saved, declaration.FileAttached{File: file}), when: declaration.RemoveFile{Facts: f, ID: fileID}, then: events{declaration.FileRemoved{File: file}}},
		"a file that is not there":             {given: saved, when: declaration.RemoveFile{Facts: f, ID: fileID}, err: declaration.ErrFileNotFound},
		"a file of a locked module stays": {given: after(saved, basic, declaration.FileAttached{File: file}, submitted(1, "unit"), returned("unit", unit, "basic")),
			when: declaration.RemoveFile{Facts: f, ID: fileID}, err: declaration.ErrModuleLocked},
	})
}

func TestRecommenders(t *testing.T) {
	f := facts(t)
	exceptional := declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王一","category":"exceptional"}`)}
	added := declaration.RecommenderAdded{ID: expertID, Data: json.RawMessage(`{"name":"李教授"}`)}
	add := declaration.AddRecommender{Facts: f, ID: expertID, Data: json.RawMessage(`{"name":"李教授"}`)}
	opinion := declaration.File{ID: fileID, Slot: "opinion", Recommender: expertID.String(), Name: "a.pdf", Size: 1, Type: "application/pdf", SHA256: "cd"}
	change := declaration.ChangeRecommender{Facts: f, ID: expertID, Data: json.RawMessage(`{"name":"赵教授"}`)}
	remove := declaration.RemoveRecommender{Facts: f, ID: expertID}
	run(t, map[string]example{
		"added once basic says 破格":         {given: events{started, exceptional}, when: add, then: events{added}},
		"refused for a normal declaration": {given: events{started, basic}, when: add, err: declaration.ErrRecommendersClosed},
		"refused before basic is saved":    {given: events{started}, when: add, err: declaration.ErrRecommendersClosed},
		"no more than asked for":           {given: events{started, exceptional, added}, when: add, err: declaration.ErrRecommendersFull},
		"wrong data":                       {given: events{started, exceptional}, when: declaration.AddRecommender{Facts: f, ID: expertID, Data: json.RawMessage(`{"name":1}`)}, err: domain.ErrInvalid},
		"changed":                          {given: events{started, exceptional, added}, when: change, then: events{declaration.RecommenderChanged{ID: expertID, Data: json.RawMessage(`{"name":"赵教授"}`)}}},
		"changed to the same is nothing":   {given: events{started, exceptional, added}, when: declaration.ChangeRecommender{Facts: f, ID: expertID, Data: added.Data}},
		"changing a stranger":              {given: events{started, exceptional}, when: change, err: declaration.ErrNoRecommender},
		"removed, even after leaving 破格":   {given: events{started, exceptional, added, basic}, when: remove, then: events{declaration.RecommenderRemoved{ID: expertID}}},
		"removing a stranger":              {given: events{started}, when: remove, err: declaration.ErrNoRecommender},
		"an attachment of their own":       {given: events{started, exceptional, added}, when: declaration.AttachFile{Facts: f, File: opinion}, then: events{declaration.FileAttached{File: opinion}}},
		"their slot, without one":          {given: events{started, exceptional}, when: declaration.AttachFile{Facts: f, File: declaration.File{Slot: "opinion"}}, err: declaration.ErrSaveFirst},
		"an attachment of a stranger":      {given: events{started, exceptional}, when: declaration.AttachFile{Facts: f, File: opinion}, err: declaration.ErrNoRecommender},
		"no attachment after leaving 破格":   {given: events{started, exceptional, added, basic}, when: declaration.AttachFile{Facts: f, File: opinion}, err: declaration.ErrRecommendersClosed},
		"no change after leaving 破格":       {given: events{started, exceptional, added, basic}, when: change, err: declaration.ErrRecommendersClosed},
		"under review it is refused":       {given: events{started, exceptional, added, submitted(1, "unit")}, when: change, err: declaration.ErrNotEditable},
		"marking basic opens them too":     {given: events{started, exceptional, submitted(1, "unit"), returned("unit", unit, "basic")}, when: add, then: events{added}},
		"marking another module does not":  {given: events{started, exceptional, submitted(1, "unit"), returned("unit", unit, "work")}, when: add, err: declaration.ErrModuleLocked},
	})
}

func TestSubmitAndWithdraw(t *testing.T) {
	f := facts(t)
	submit := func(f declaration.Facts) declaration.Submit { return declaration.Submit{Facts: f, Commitment: true} }
	ready := events{started, basic}
	review := after(ready, submitted(1, "unit"))
	back := after(review, passed("unit", "department", unit), returned("department", dept, "basic"))
	moved := submitted(2, "unit")
	moved.Unit, moved.Route = unit2, routeOf(unit2)
	run(t, map[string]example{
		"a complete draft is submitted":            {given: ready, when: submit(f), then: events{submitted(1, "unit")}},
		"without the pledge":                       {given: ready, when: declaration.Submit{Facts: f}, err: declaration.ErrCommitment},
		"incomplete":                               {given: events{started}, when: submit(f), err: domain.ErrInvalid},
		"unbound meanwhile":                        {given: ready, when: submit(with(f, func(f *declaration.Facts) { f.Unit = domain.Organization{} })), err: declaration.ErrNotBound},
		"bound anew, not yet approved":             {given: ready, when: submit(with(f, func(f *declaration.Facts) { f.Pending = true })), err: declaration.ErrBindingPending},
		"after the notice closed":                  {given: ready, when: submit(with(f, func(f *declaration.Facts) { f.Notice.Open = false })), err: declaration.ErrNoticeClosed},
		"twice":                                    {given: review, when: submit(f), err: declaration.ErrNotEditable},
		"again after a return, at the first stage": {given: back, when: submit(f), then: events{submitted(2, "unit")}},
		"again where the notice says returning":    {given: back, when: submit(with(f, func(f *declaration.Facts) { f.Notice.ResubmitTo = "returning" })), then: events{submitted(2, "department")}},
		"returning, but the unit is another":       {given: back, when: submit(with(f, func(f *declaration.Facts) { f.Notice.ResubmitTo, f.Unit = "returning", unit2 })), then: events{moved}},
		"again, when the notice has closed":        {given: back, when: submit(with(f, func(f *declaration.Facts) { f.Notice.Open = false })), then: events{submitted(2, "unit")}},
		"again, too late":                          {given: back, when: submit(with(f, func(f *declaration.Facts) { f.Now = now.AddDate(0, 0, 11) })), err: declaration.ErrCorrectionOverdue},
		"withdrawn before anybody decided":         {given: review, when: declaration.Withdraw{Facts: f}, then: events{declaration.Withdrawn{Stage: "unit"}}},
		"not after a decision":                     {given: after(review, passed("unit", "department", unit)), when: declaration.Withdraw{Facts: f}, err: declaration.ErrAlreadyDecided},
		"a draft cannot be withdrawn":              {given: ready, when: declaration.Withdraw{Facts: f}, err: declaration.ErrNotSubmitted},
		"a withdrawn one is submitted again":       {given: after(review, declaration.Withdrawn{Stage: "unit"}), when: submit(f), then: events{submitted(2, "unit")}},
	})
}

func routeOf(u domain.Organization) []declaration.Stage {
	r := slices.Clone(route)
	r[0].Organization = u
	return r
}

func TestDecisions(t *testing.T) {
	f := facts(t)
	as := func(org domain.Organization) declaration.Facts {
		return with(f, func(f *declaration.Facts) { f.Organization = org })
	}
	atUnit := events{started, basic, submitted(1, "unit")}
	atDept := after(atUnit, passed("unit", "department", unit))
	atLast := after(atDept, passed("department", "committee", dept))
	long := string(make([]rune, 10_000))
	run(t, map[string]example{
		"the unit passes it on":               {given: atUnit, when: declaration.ApproveStage{Facts: as(unit), Opinion: " 同意 "}, then: events{declaration.StageApproved{Stage: "unit", Organization: unit, Opinion: "同意", Next: "department"}}},
		"the department passes it on":         {given: atDept, when: declaration.ApproveStage{Facts: as(dept)}, then: events{passed("department", "committee", dept)}},
		"another unit may not":                {given: atUnit, when: declaration.ApproveStage{Facts: as(unit2)}, err: declaration.ErrWrongStage},
		"the unit cannot decide twice":        {given: atDept, when: declaration.ApproveStage{Facts: as(unit)}, err: declaration.ErrWrongStage},
		"a page that showed another stage":    {given: atDept, when: declaration.ApproveStage{Facts: as(dept), Stage: "unit"}, err: declaration.ErrWrongStage},
		"not at the last stage":               {given: atLast, when: declaration.ApproveStage{Facts: as(committee)}, err: declaration.ErrWrongStage},
		"the committee approves finally":      {given: atLast, when: declaration.ApproveFinal{Facts: as(committee)}, then: events{declaration.Approved{Stage: "committee", Organization: committee}}},
		"not before the last stage":           {given: atUnit, when: declaration.ApproveFinal{Facts: as(unit)}, err: declaration.ErrWrongStage},
		"returned with its modules in order":  {given: atUnit, when: declaration.Return{Facts: as(unit), Opinion: "请更正", Modules: []string{"work", "basic", "work"}}, then: events{returned("unit", unit, "basic", "work")}},
		"returned without an opinion":         {given: atUnit, when: declaration.Return{Facts: as(unit), Modules: []string{"basic"}}, err: domain.ErrInvalid},
		"returned without modules":            {given: atUnit, when: declaration.Return{Facts: as(unit), Opinion: "请更正"}, err: domain.ErrInvalid},
		"returned with an unknown module":     {given: atUnit, when: declaration.Return{Facts: as(unit), Opinion: "请更正", Modules: []string{"hobby"}}, err: domain.ErrInvalid},
		"an opinion of ten thousand letters":  {given: atUnit, when: declaration.Return{Facts: as(unit), Opinion: long, Modules: []string{"basic"}}, err: domain.ErrInvalid},
		"terminated":                          {given: atDept, when: declaration.Terminate{Facts: as(dept), Opinion: "不符合条件"}, then: events{declaration.Terminated{Stage: "department", Organization: dept, Opinion: "不符合条件"}}},
		"terminated without an opinion":       {given: atDept, when: declaration.Terminate{Facts: as(dept)}, err: domain.ErrInvalid},
		"a returned one cannot be decided":    {given: after(atUnit, returned("unit", unit, "basic")), when: declaration.ApproveStage{Facts: as(unit)}, err: declaration.ErrWrongStage},
		"an approved one cannot be returned":  {given: after(atLast, declaration.Approved{Stage: "committee", Organization: committee}), when: declaration.Return{Facts: as(committee), Opinion: "x", Modules: []string{"basic"}}, err: declaration.ErrWrongStage},
		"a terminated one cannot be approved": {given: after(atDept, declaration.Terminated{Stage: "department", Organization: dept, Opinion: "x"}), when: declaration.ApproveStage{Facts: as(dept)}, err: declaration.ErrWrongStage},
	})
}
