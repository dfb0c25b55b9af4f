package declaration_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/domaintest"
	"zhiping/domain/notice"
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
			Rules:   []catalog.Rule{{Key: "near", Module: "recommenders", Field: "/*/name", Warning: true, Expr: `row.name != "远"`, Message: text.Same("专业相近与否由单位认定")}},
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
		Now: now, Checker: checker(t, ""), ID: id, Applicant: applicant, Unit: unit, Department: dept, Organization: unit,
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

type example = domaintest.Example[declaration.Facts, declaration.Command, declaration.Event]

// run decides each example on facts(t) where it says nothing else.
func run(t *testing.T, examples map[string]example) {
	t.Helper()
	for name, ex := range examples {
		if ex.Facts.Checker == nil {
			ex.Facts = facts(t)
			examples[name] = ex
		}
	}
	domaintest.Run(t, declaration.Decide, declaration.Evolve, examples)
}

func TestStart(t *testing.T) {
	ok := map[string]bool{"ethics": true}
	start := func(checked map[string]bool) declaration.Start {
		return declaration.Start{NoticeID: noticeID, SelfCheck: checked}
	}
	f := facts(t)
	run(t, map[string]example{
		"a bound applicant starts":            {When: start(ok), Then: events{started}},
		"twice is refused":                    {Given: events{started}, When: start(ok), Err: declaration.ErrAlreadyDeclared},
		"an unconfirmed item is refused":      {When: start(nil), Err: declaration.ErrSelfCheck},
		"without a unit it is refused":        {Facts: with(f, func(f *declaration.Facts) { f.Unit = domain.Organization{} }), When: start(ok), Err: binding.ErrNotBound},
		"while the binding is only asked for": {Facts: with(f, func(f *declaration.Facts) { f.Pending = true }), When: start(ok), Err: binding.ErrPending},
		"a draft notice is not there":         {Facts: with(f, func(f *declaration.Facts) { f.Notice.Published = false }), When: start(ok), Err: notice.ErrNotFound},
		"a closed notice":                     {Facts: with(f, func(f *declaration.Facts) { f.Notice.Open = false }), When: start(ok), Err: notice.ErrClosed},
		"a notice that is not open yet":       {Facts: with(f, func(f *declaration.Facts) { f.Notice.Open, f.Notice.Upcoming = false, true }), When: start(ok), Err: declaration.ErrNoticeNotOpen},
	})
}

func TestSaveModule(t *testing.T) {
	f := facts(t)
	save := func(module, data string) declaration.SaveModule {
		return declaration.SaveModule{Module: module, Data: json.RawMessage(data)}
	}
	closed := with(f, func(f *declaration.Facts) { f.Notice.Open = false })
	late := with(f, func(f *declaration.Facts) { f.Now = now.AddDate(0, 0, 11) })
	back := events{started, basic, submitted(1, "unit"), returned("unit", unit, "basic")}
	run(t, map[string]example{
		"a draft's module is saved":             {Given: events{started}, When: save("basic", `{ "name": "王一" }`), Then: events{basic}},
		"an incomplete one too":                 {Given: events{started}, When: save("basic", `{}`), Then: events{declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{}`)}}},
		"the same again changes nothing":        {Given: events{started, basic}, When: save("basic", `{"name":"王一"}`)},
		"a wrong type is refused":               {Given: events{started}, When: save("work", `{"years":"five"}`), Err: domain.ErrInvalid},
		"an unknown field is refused":           {Given: events{started}, When: save("work", `{"salary":1}`), Err: domain.ErrInvalid},
		"an unknown module":                     {Given: events{started}, When: save("hobby", `{}`), Err: declaration.ErrUnknownModule},
		"under review it is refused":            {Given: events{started, basic, submitted(1, "unit")}, When: save("basic", `{}`), Err: declaration.ErrNotEditable},
		"returned, a marked module":             {Given: back, When: save("basic", `{"name":"王二"}`), Then: events{declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王二"}`)}}},
		"returned, any other module is locked":  {Given: back, When: save("work", `{"years":6}`), Err: declaration.ErrModuleLocked},
		"returned, even when the notice closed": {Given: back, Facts: closed, When: save("basic", `{"name":"王二"}`), Then: events{declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王二"}`)}}},
		"returned, too late":                    {Given: back, Facts: late, When: save("basic", `{"name":"王二"}`), Err: declaration.ErrCorrectionOverdue},
		"a draft lapses with its notice":        {Given: events{started}, Facts: closed, When: save("basic", `{}`), Err: notice.ErrClosed},
		"never started":                         {When: save("basic", `{}`), Err: declaration.ErrNotFound},
	})
}

func TestFiles(t *testing.T) {
	attach := func(change func(*declaration.File)) declaration.AttachFile {
		fl := file
		change(&fl)
		return declaration.AttachFile{File: fl}
	}
	same := func(*declaration.File) {}
	other := file
	other.ID = uuid.MustParse("00000000-0000-4000-8000-0000000000ff")
	saved := events{started, work}
	run(t, map[string]example{
		"a file is attached to a saved module": {Given: saved, When: attach(same), Then: events{declaration.FileAttached{File: file}}},
		"save first, then attach":              {Given: events{started}, When: attach(same), Err: declaration.ErrSaveFirst},
		"an unknown slot":                      {Given: saved, When: attach(func(f *declaration.File) { f.Slot = "selfie" }), Err: domain.ErrInvalid},
		"too large":                            {Given: saved, When: attach(func(f *declaration.File) { f.Size = 1001 }), Err: declaration.ErrFileTooLarge},
		"of another type":                      {Given: saved, When: attach(func(f *declaration.File) { f.Type = "application/zip" }), Err: declaration.ErrFileType},
		"without a name":                       {Given: saved, When: attach(func(f *declaration.File) { f.Name = "" }), Err: domain.ErrInvalid},
		"a slot that is full":                  {Given: after(saved, declaration.FileAttached{File: file}, declaration.FileAttached{File: other}), When: attach(same), Err: declaration.ErrSlotFull},
		"under review it is refused":           {Given: after(saved, basic, submitted(1, "unit")), When: attach(same), Err: declaration.ErrNotEditable},
		"a file is removed":                    {Given: after(saved, declaration.FileAttached{File: file}), When: declaration.RemoveFile{ID: fileID}, Then: events{declaration.FileRemoved{File: file}}},
		"a file that is not there":             {Given: saved, When: declaration.RemoveFile{ID: fileID}, Err: declaration.ErrFileNotFound},
		"a file of a locked module stays": {Given: after(saved, basic, declaration.FileAttached{File: file}, submitted(1, "unit"), returned("unit", unit, "basic")),
			When: declaration.RemoveFile{ID: fileID}, Err: declaration.ErrModuleLocked},
	})
}

func TestRecommenders(t *testing.T) {
	exceptional := declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王一","category":"exceptional"}`)}
	added := declaration.RecommenderAdded{ID: expertID, Data: json.RawMessage(`{"name":"李教授"}`)}
	add := declaration.AddRecommender{ID: expertID, Data: json.RawMessage(`{"name":"李教授"}`)}
	opinion := declaration.File{ID: fileID, Slot: "opinion", Recommender: expertID.String(), Name: "a.pdf", Size: 1, Type: "application/pdf", SHA256: "cd"}
	change := declaration.ChangeRecommender{ID: expertID, Data: json.RawMessage(`{"name":"赵教授"}`)}
	remove := declaration.RemoveRecommender{ID: expertID}
	run(t, map[string]example{
		"added once basic says 破格":         {Given: events{started, exceptional}, When: add, Then: events{added}},
		"refused for a normal declaration": {Given: events{started, basic}, When: add, Err: declaration.ErrRecommendersClosed},
		"refused before basic is saved":    {Given: events{started}, When: add, Err: declaration.ErrRecommendersClosed},
		"no more than asked for":           {Given: events{started, exceptional, added}, When: add, Err: declaration.ErrRecommendersFull},
		"wrong data":                       {Given: events{started, exceptional}, When: declaration.AddRecommender{ID: expertID, Data: json.RawMessage(`{"name":1}`)}, Err: domain.ErrInvalid},
		"changed":                          {Given: events{started, exceptional, added}, When: change, Then: events{declaration.RecommenderChanged{ID: expertID, Data: json.RawMessage(`{"name":"赵教授"}`)}}},
		"changed to the same is nothing":   {Given: events{started, exceptional, added}, When: declaration.ChangeRecommender{ID: expertID, Data: added.Data}},
		"changing a stranger":              {Given: events{started, exceptional}, When: change, Err: declaration.ErrNoRecommender},
		"removed, even after leaving 破格":   {Given: events{started, exceptional, added, basic}, When: remove, Then: events{declaration.RecommenderRemoved{ID: expertID}}},
		"removing a stranger":              {Given: events{started}, When: remove, Err: declaration.ErrNoRecommender},
		"an attachment of their own":       {Given: events{started, exceptional, added}, When: declaration.AttachFile{File: opinion}, Then: events{declaration.FileAttached{File: opinion}}},
		"their slot, without one":          {Given: events{started, exceptional}, When: declaration.AttachFile{File: declaration.File{Slot: "opinion"}}, Err: declaration.ErrSaveFirst},
		"an attachment of a stranger":      {Given: events{started, exceptional}, When: declaration.AttachFile{File: opinion}, Err: declaration.ErrNoRecommender},
		"no attachment after leaving 破格":   {Given: events{started, exceptional, added, basic}, When: declaration.AttachFile{File: opinion}, Err: declaration.ErrRecommendersClosed},
		"no change after leaving 破格":       {Given: events{started, exceptional, added, basic}, When: change, Err: declaration.ErrRecommendersClosed},
		"under review it is refused":       {Given: events{started, exceptional, added, submitted(1, "unit")}, When: change, Err: declaration.ErrNotEditable},
		"marking basic opens them too":     {Given: events{started, exceptional, submitted(1, "unit"), returned("unit", unit, "basic")}, When: add, Then: events{added}},
		"marking another module does not":  {Given: events{started, exceptional, submitted(1, "unit"), returned("unit", unit, "work")}, When: add, Err: declaration.ErrModuleLocked},
	})
}

func TestSubmitAndWithdraw(t *testing.T) {
	f := facts(t)
	ready := events{started, basic}
	review := after(ready, submitted(1, "unit"))
	back := after(review, passed("unit", "department", unit), returned("department", dept, "basic"))
	moved := submitted(2, "unit")
	moved.Unit, moved.Route = unit2, routeOf(unit2)
	run(t, map[string]example{
		"a complete draft is submitted":            {Given: ready, When: declaration.Submit{Commitment: true}, Then: events{submitted(1, "unit")}},
		"without the pledge":                       {Given: ready, When: declaration.Submit{}, Err: declaration.ErrCommitment},
		"incomplete":                               {Given: events{started}, When: declaration.Submit{Commitment: true}, Err: domain.ErrInvalid},
		"unbound meanwhile":                        {Given: ready, Facts: with(f, func(f *declaration.Facts) { f.Unit = domain.Organization{} }), When: declaration.Submit{Commitment: true}, Err: binding.ErrNotBound},
		"bound anew, not yet approved":             {Given: ready, Facts: with(f, func(f *declaration.Facts) { f.Pending = true }), When: declaration.Submit{Commitment: true}, Err: binding.ErrPending},
		"after the notice closed":                  {Given: ready, Facts: with(f, func(f *declaration.Facts) { f.Notice.Open = false }), When: declaration.Submit{Commitment: true}, Err: notice.ErrClosed},
		"twice":                                    {Given: review, When: declaration.Submit{Commitment: true}, Err: declaration.ErrNotEditable},
		"again after a return, at the first stage": {Given: back, When: declaration.Submit{Commitment: true}, Then: events{submitted(2, "unit")}},
		"again where the notice says returning":    {Given: back, Facts: with(f, func(f *declaration.Facts) { f.Notice.ResubmitTo = "returning" }), When: declaration.Submit{Commitment: true}, Then: events{submitted(2, "department")}},
		"returning, but the unit is another":       {Given: back, Facts: with(f, func(f *declaration.Facts) { f.Notice.ResubmitTo, f.Unit = "returning", unit2 }), When: declaration.Submit{Commitment: true}, Then: events{moved}},
		"again, when the notice has closed":        {Given: back, Facts: with(f, func(f *declaration.Facts) { f.Notice.Open = false }), When: declaration.Submit{Commitment: true}, Then: events{submitted(2, "unit")}},
		"again, too late":                          {Given: back, Facts: with(f, func(f *declaration.Facts) { f.Now = now.AddDate(0, 0, 11) }), When: declaration.Submit{Commitment: true}, Err: declaration.ErrCorrectionOverdue},
		"withdrawn before anybody decided":         {Given: review, When: declaration.Withdraw{}, Then: events{declaration.Withdrawn{Stage: "unit"}}},
		"not after a decision":                     {Given: after(review, passed("unit", "department", unit)), When: declaration.Withdraw{}, Err: declaration.ErrAlreadyDecided},
		"a draft cannot be withdrawn":              {Given: ready, When: declaration.Withdraw{}, Err: declaration.ErrNotSubmitted},
		"a withdrawn one is submitted again":       {Given: after(review, declaration.Withdrawn{Stage: "unit"}), When: declaration.Submit{Commitment: true}, Then: events{submitted(2, "unit")}},
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
	warned := events{started, declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王一","category":"exceptional"}`)},
		declaration.RecommenderAdded{ID: expertID, Data: json.RawMessage(`{"name":"远"}`)}, submitted(1, "unit")}
	run(t, map[string]example{
		"a warning is passed on with a reason": {Given: warned, Facts: as(unit), When: declaration.ApproveStage{Opinion: "专业相近"}, Then: events{declaration.StageApproved{Stage: "unit", Organization: unit, Opinion: "专业相近", Next: "department"}}},
		"and not without one":                  {Given: warned, Facts: as(unit), When: declaration.ApproveStage{Opinion: " "}, Err: domain.ErrInvalid},
		"nor finally approved without one":     {Given: after(warned, passed("unit", "department", unit), passed("department", "committee", dept)), Facts: as(committee), When: declaration.ApproveFinal{}, Err: domain.ErrInvalid},
		"the unit passes it on":                {Given: atUnit, Facts: as(unit), When: declaration.ApproveStage{Opinion: " 同意 "}, Then: events{declaration.StageApproved{Stage: "unit", Organization: unit, Opinion: "同意", Next: "department"}}},
		"the department passes it on":          {Given: atDept, Facts: as(dept), When: declaration.ApproveStage{}, Then: events{passed("department", "committee", dept)}},
		"another unit may not":                 {Given: atUnit, Facts: as(unit2), When: declaration.ApproveStage{}, Err: declaration.ErrWrongStage},
		"the unit cannot decide twice":         {Given: atDept, Facts: as(unit), When: declaration.ApproveStage{}, Err: declaration.ErrWrongStage},
		"a page that showed another stage":     {Given: atDept, Facts: as(dept), When: declaration.ApproveStage{Stage: "unit"}, Err: declaration.ErrWrongStage},
		"not at the last stage":                {Given: atLast, Facts: as(committee), When: declaration.ApproveStage{}, Err: declaration.ErrWrongStage},
		"the committee approves finally":       {Given: atLast, Facts: as(committee), When: declaration.ApproveFinal{}, Then: events{declaration.Approved{Stage: "committee", Organization: committee}}},
		"not before the last stage":            {Given: atUnit, Facts: as(unit), When: declaration.ApproveFinal{}, Err: declaration.ErrWrongStage},
		"returned with its modules in order":   {Given: atUnit, Facts: as(unit), When: declaration.Return{Opinion: "请更正", Modules: []string{"work", "basic", "work"}}, Then: events{returned("unit", unit, "basic", "work")}},
		"returned without an opinion":          {Given: atUnit, Facts: as(unit), When: declaration.Return{Modules: []string{"basic"}}, Err: domain.ErrInvalid},
		"returned without modules":             {Given: atUnit, Facts: as(unit), When: declaration.Return{Opinion: "请更正"}, Err: domain.ErrInvalid},
		"returned with an unknown module":      {Given: atUnit, Facts: as(unit), When: declaration.Return{Opinion: "请更正", Modules: []string{"hobby"}}, Err: domain.ErrInvalid},
		"an opinion of ten thousand letters":   {Given: atUnit, Facts: as(unit), When: declaration.Return{Opinion: long, Modules: []string{"basic"}}, Err: domain.ErrInvalid},
		"terminated":                           {Given: atDept, Facts: as(dept), When: declaration.Terminate{Opinion: "不符合条件"}, Then: events{declaration.Terminated{Stage: "department", Organization: dept, Opinion: "不符合条件"}}},
		"terminated without an opinion":        {Given: atDept, Facts: as(dept), When: declaration.Terminate{}, Err: domain.ErrInvalid},
		"a returned one cannot be decided":     {Given: after(atUnit, returned("unit", unit, "basic")), Facts: as(unit), When: declaration.ApproveStage{}, Err: declaration.ErrWrongStage},
		"an approved one cannot be returned":   {Given: after(atLast, declaration.Approved{Stage: "committee", Organization: committee}), Facts: as(committee), When: declaration.Return{Opinion: "x", Modules: []string{"basic"}}, Err: declaration.ErrWrongStage},
		"a terminated one cannot be approved":  {Given: after(atDept, declaration.Terminated{Stage: "department", Organization: dept, Opinion: "x"}), Facts: as(dept), When: declaration.ApproveStage{}, Err: declaration.ErrWrongStage},
	})
}
