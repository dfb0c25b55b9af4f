package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/domain/catalog"
	"zhiping/domain/organization"
	"zhiping/infra/identity"
)

// The line of education departments, and a school below the county and one below the city.
const (
	countySchool = "12220000XA0000015W"
	citySchool   = "91220101XA00000236"
)

var educationLine = []struct {
	id, name, parent string
	kind             organization.Kind
}{
	{"province", "示范省教育厅（中小学）", demo.Bureau.ID, organization.KindDepartment},
	{"city", "示范市教育局", "province", organization.KindDepartment},
	{"county", "示范县教育局", "city", organization.KindDepartment},
	{countySchool, "示范县第一中学", "county", organization.KindUnit},
	{citySchool, "示范市实验中学", "city", organization.KindUnit},
}

// line is who takes part in the review of school teachers, by organization.
type line struct {
	*world.Server
	officers map[string]*world.Caller
}

// newLine lets the admin build the line over the API and appoint its officers, and the schools register.
func newLine(t *testing.T) line {
	t.Helper()
	s, _ := world.StartInProcess(t)
	accounts, err := identity.Open(t.Context(), identity.Config{Path: filepath.Join(s.Data, "identity.sqlite")})
	if err != nil {
		t.Fatal(err)
	}
	defer accounts.Close() //nolint:errcheck // a test's
	admin := s.As("admin")
	l := line{s, map[string]*world.Caller{demo.Department.ID: s.As("department"), demo.Bureau.ID: s.As("bureau"), demo.Committee.ID: s.As("committee")}}
	for _, o := range educationLine {
		login := "officer-" + o.id
		if _, err := accounts.EnsureAccount(t.Context(), identity.Account{Login: login, Name: o.name + "经办人"}, demo.Password); err != nil {
			t.Fatal(err)
		}
		admin.Want(http.StatusCreated, "", "POST", "/organizations", map[string]any{"id": o.id, "name": o.name, "kind": o.kind, "parent": o.parent})
		admin.Want(http.StatusOK, "", "POST", "/organizations/"+o.id+"/officers", map[string]any{"account": login})
		l.officers[o.id] = s.As(login)
		if o.kind == organization.KindUnit {
			l.officers[o.id].Want(http.StatusCreated, "", "POST", "/units", map[string]any{"uscc": o.id, "name": o.name, "department": map[string]any{"id": o.parent}})
			l.officers[o.parent].Want(http.StatusOK, "", "POST", "/units/"+o.id+"/approve", nil)
		}
	}
	return l
}

// handIn binds a teacher to a school and submits; it answers the declaration's path.
func (l line) handIn(teacher *world.Caller, school string, d catalog.Definition) string {
	l.T.Helper()
	world.Bind(teacher, l.officers[school], school)
	id := world.StartDeclaration(teacher, d)
	world.FillIn(teacher, d, id)
	teacher.Want(http.StatusOK, "", "POST", "/declarations/"+id+"/submit", pledge)
	return "/declarations/" + id
}

// waits tells at which stage the declaration waits for an organization: in the organization's list and in no other's.
func (l line) waits(path, organization, stage string) {
	l.T.Helper()
	for id, officer := range l.officers {
		var at []string
		for _, w := range officer.Want(http.StatusOK, "", "GET", "/worklist", nil).Items("items") {
			if "/declarations/"+fmt.Sprint(w["id"]) == path {
				at = append(at, fmt.Sprint(w["stageName"]))
			}
		}
		if want := (id == organization); want && !slices.Equal(at, []string{stage}) || !want && len(at) > 0 {
			l.T.Fatalf("on the list of %s: %v, and it should wait for %s at %s", id, at, organization, stage)
		}
	}
}

// climb passes the declaration on at each organization in turn; everybody else is refused: who has a stage because
// it is not theirs now, strangers because it never is.
func (l line) climb(path string, route []step) {
	l.T.Helper()
	for _, at := range route {
		l.waits(path, at.organization, at.stage)
		for id, officer := range l.officers {
			if id == at.organization {
				continue
			}
			status, code := http.StatusForbidden, "forbidden"
			if slices.ContainsFunc(route, func(s step) bool { return s.organization == id }) {
				status, code = http.StatusConflict, "wrong_stage"
			}
			officer.Want(status, code, "POST", path+"/approve", map[string]any{})
		}
		verb := "/approve"
		if at.organization == demo.Committee.ID {
			verb = "/approve-final"
		}
		l.officers[at.organization].Want(http.StatusOK, "", "POST", path+verb, map[string]any{"opinion": "同意，" + at.stage})
	}
}

// step is a stage of a route by its name, with the organization that holds it.
type step struct{ organization, stage string }

// told is the last round of the timeline, stages by name.
func told(teacher *world.Caller, path string) (steps []string) {
	teacher.Server.T.Helper()
	nodes := teacher.Want(http.StatusOK, "", "GET", path+"/timeline", nil).Items("nodes")
	for _, n := range nodes {
		if n["round"] == nodes[len(nodes)-1]["round"] && n["stage"] != "applicant" {
			steps = append(steps, fmt.Sprintf("%v %v %v", n["name"], n["organization"], n["state"]))
		}
	}
	return steps
}

// School teachers' declarations go school → county → city → province (domain.md 1.6), as far as the school's own line
// reaches, then to the bureau and the committee as all titles do.
func TestASchoolTeachersDeclarationClimbsTheEducationLine(t *testing.T) {
	t.Parallel()
	l, d := newLine(t), world.Definition(t, "title.school-senior")
	teacher, other := l.As("applicant"), l.As("applicant2")
	conditional := map[string]bool{}
	for _, st := range teacher.Want(http.StatusOK, "", "GET", "/notices/"+world.OpenNotice(teacher, d.Type), nil).Items("route") {
		conditional[fmt.Sprint(st["stage"])] = st["conditional"] == true
	}
	if len(conditional) != 6 || conditional["department"] || !conditional["department_above"] || !conditional["department_above_2"] {
		t.Fatalf("the notice's route: %v", conditional)
	}

	path := l.handIn(teacher, countySchool, d)
	route := []step{
		{countySchool, "推荐单位审核"}, {"county", "主管教育部门审核"}, {"city", "上一级教育部门审核"}, {"province", "再上一级教育部门审核"},
		{demo.Bureau.ID, "人社部门审核"}, {demo.Committee.ID, "评委会评审"},
	}
	// A new name is for what is handed in from now on.
	l.As("admin").Want(http.StatusOK, "", "PUT", "/organizations/province", map[string]any{"name": "示范省教育厅"})
	want := []string{"推荐单位审核 示范县第一中学 current", "主管教育部门审核 示范县教育局 pending", "上一级教育部门审核 示范市教育局 pending",
		"再上一级教育部门审核 示范省教育厅（中小学） pending", "人社部门审核 示范省人力资源和社会保障厅 pending", "评委会评审 示范省职称评审委员会 pending"}
	if got := told(teacher, path); !slices.Equal(got, want) {
		t.Fatalf("the timeline shows %v", got)
	}

	// The city returns it, to the teacher and to nobody in between; it then begins at the school again.
	for _, at := range route[:2] {
		l.officers[at.organization].Want(http.StatusOK, "", "POST", path+"/approve", map[string]any{})
	}
	l.officers["county"].Want(http.StatusConflict, "wrong_stage", "POST", path+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
	l.officers["city"].Want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请补充教学业绩", "modules": []string{"summary"}})
	form := teacher.Want(http.StatusOK, "", "GET", path, nil)
	if form.Str("status") != "returned" || form.Str("return", "organization") != "示范市教育局" || form.Str("return", "opinion") != "请补充教学业绩" {
		t.Fatalf("%s", form.Raw)
	}
	l.waits(path, "", "")
	teacher.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
	l.climb(path, route)
	if got := teacher.Want(http.StatusOK, "", "GET", path, nil); got.Str("statusText") != "终审通过" {
		t.Fatalf("%s", got.Raw)
	}
	contains(t, "review form", document(t, teacher, path, "review-form"), "同意，主管教育部门审核", "同意，上一级教育部门审核", "同意，再上一级教育部门审核", "示范省教育厅（盖章）")
	if seen := l.officers["city"].Want(http.StatusOK, "", "GET", "/organizations/county/declarations", nil).Items("items"); len(seen) != 1 {
		t.Fatalf("the city oversees %v", seen)
	}

	// The school below the city has no county above it.
	path = l.handIn(other, citySchool, d)
	l.climb(path, []step{{citySchool, "推荐单位审核"}, {"city", "主管教育部门审核"}, {"province", "上一级教育部门审核"}, {demo.Bureau.ID, "人社部门审核"}, {demo.Committee.ID, "评委会评审"}})
	if got := told(other, path); len(got) != 5 || got[2] != "上一级教育部门审核 示范省教育厅 done" {
		t.Fatalf("the timeline shows %v", got)
	}

	// The figures are by stage, whoever holds it.
	var decided []string
	for _, st := range l.As("analyst").Want(http.StatusOK, "", "GET", "/stats/notices/"+world.OpenNotice(teacher, d.Type), nil).Items("stages") {
		decided = append(decided, fmt.Sprint(st["stage"], " ", st["decided"]))
	}
	if got := strings.Join(decided, ", "); got != "unit 3, department 3, department_above 3, department_above_2 1, bureau 2, committee 2" {
		t.Fatal(got)
	}
}
