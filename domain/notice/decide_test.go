package notice_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/domaintest"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
)

func TestDecide(t *testing.T) {
	opens := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	content := notice.Content{Type: "title.regular", Title: "2026年职称申报", Year: 2026, OpensAt: opens, ClosesAt: opens.AddDate(0, 3, 0),
		Bureau: domain.Organization{ID: "bureau", Name: "人社厅"}, Committee: domain.Organization{ID: "committee", Name: "评委会"}}
	def := catalog.Definition{Type: "title.regular", Version: 3}
	facts := notice.Facts{Now: opens, Definition: def, Bureau: notice.Office{Name: "人社厅", Kind: organization.KindBureau, Bureaux: []string{"bureau", "above"}},
		Committee: notice.Office{Name: "评委会", Kind: organization.KindCommittee, Bureaux: []string{"bureau", "above"}}}
	known := func(f func(*notice.Facts)) notice.Facts { facts := facts; f(&facts); return facts }
	changed := func(f func(*notice.Content)) notice.Content { c := content; f(&c); return c }
	longer := changed(func(c *notice.Content) { c.ClosesAt = c.ClosesAt.AddDate(0, 1, 0) })
	longest := changed(func(c *notice.Content) { c.ClosesAt = c.ClosesAt.AddDate(0, 2, 0) })
	shown := changed(func(c *notice.Content) { c.CutOff, c.ClosesAt = c.ClosesAt, longer.ClosesAt })
	moved := changed(func(c *notice.Content) { c.CutOff, c.ClosesAt = longer.ClosesAt, longer.ClosesAt })
	shorter := changed(func(c *notice.Content) { c.ClosesAt = c.ClosesAt.AddDate(0, -1, 0) })
	renamed := changed(func(c *notice.Content) { c.Title = "另一通知" })
	unnamed := changed(func(c *notice.Content) { c.Bureau, c.Title = domain.Organization{}, "另一通知" })
	called := changed(func(c *notice.Content) { c.Bureau.Name, c.Committee.Name = "随便", "" })
	calledLonger := called
	calledLonger.ClosesAt = longer.ClosesAt
	anew := known(func(f *notice.Facts) { f.Committee.Name = "新评委会" })
	renewed := changed(func(c *notice.Content) { c.Committee.Name = "新评委会" })
	drafted, published := notice.Drafted{Content: content}, notice.Published{Definition: def}
	type events = []notice.Event
	open := events{drafted, published}
	domaintest.Run(t, notice.Decide, notice.Evolve, map[string]domaintest.Example[notice.Facts, notice.Command, notice.Event]{
		"a notice is drafted":                                {Facts: facts, When: notice.Draft{Content: content}, Then: events{drafted}},
		"twice is refused":                                   {Given: events{drafted}, Facts: facts, When: notice.Draft{Content: content}, Err: notice.ErrExists},
		"every fault is listed":                              {When: notice.Draft{}, Err: domain.ErrInvalid, Faults: 6},
		"a window that ends before it begins":                {Facts: facts, When: notice.Draft{Content: changed(func(c *notice.Content) { c.ClosesAt = opens })}, Err: domain.ErrInvalid, Faults: 1},
		"a draft is revised":                                 {Given: events{drafted}, Facts: facts, When: notice.Revise{Content: renamed}, Then: events{notice.Revised{Content: renamed}}},
		"revising to the same is nothing":                    {Given: events{drafted}, Facts: facts, When: notice.Revise{Content: content}},
		"a published one is extended":                        {Given: open, Facts: facts, When: notice.Revise{Content: longer}, Then: events{notice.Extended{ClosesAt: longer.ClosesAt}}},
		"extended with the cut-off date as shown":            {Given: open, Facts: facts, When: notice.Revise{Content: shown}, Then: events{notice.Extended{ClosesAt: longer.ClosesAt}}},
		"a second time":                                      {Given: append(open, notice.Extended{ClosesAt: longer.ClosesAt}), Facts: facts, When: notice.Revise{Content: longest}, Then: events{notice.Extended{ClosesAt: longest.ClosesAt}}},
		"an extension does not move the cut-off date":        {Given: open, Facts: facts, When: notice.Revise{Content: moved}, Err: notice.ErrPublished},
		"a published one is not shortened":                   {Given: open, Facts: facts, When: notice.Revise{Content: shorter}, Err: notice.ErrPublished},
		"a published one is not rewritten":                   {Given: open, Facts: facts, When: notice.Revise{Content: renamed}, Err: notice.ErrPublished},
		"a closed one is not revised":                        {Given: append(open, notice.Closed{}), Facts: facts, When: notice.Revise{Content: longer}, Err: notice.ErrClosed},
		"published with its definition":                      {Given: events{drafted}, Facts: facts, When: notice.Publish{}, Then: events{published}},
		"publishing twice is nothing":                        {Given: open, Facts: notice.Facts{Definition: catalog.Definition{Version: 4}}, When: notice.Publish{}},
		"a closed one is not published again":                {Given: append(open, notice.Closed{}), Facts: facts, When: notice.Publish{}, Err: notice.ErrClosed},
		"closed":                                             {Given: open, When: notice.Close{}, Then: events{notice.Closed{}}},
		"closing twice is nothing":                           {Given: append(open, notice.Closed{}), When: notice.Close{}},
		"a draft cannot be closed":                           {Given: events{drafted}, When: notice.Close{}, Err: notice.ErrNotPublished},
		"offices are called as the tree calls them":          {Facts: facts, When: notice.Draft{Content: called}, Then: events{drafted}},
		"an extension may call them otherwise":               {Given: open, When: notice.Revise{Content: calledLonger}, Then: events{notice.Extended{ClosesAt: longer.ClosesAt}}},
		"a revision without a bureau leaves it":              {Given: events{drafted}, Facts: facts, When: notice.Revise{Content: unnamed}, Then: events{notice.Revised{Content: renamed}}},
		"so does an extension":                               {Given: open, When: notice.Revise{Content: changed(func(c *notice.Content) { c.Bureau.ID, c.ClosesAt = "", longer.ClosesAt })}, Then: events{notice.Extended{ClosesAt: longer.ClosesAt}}},
		"an office that was renamed is published as renamed": {Given: events{drafted}, Facts: anew, When: notice.Publish{}, Then: events{notice.Revised{Content: renewed}, published}},
		"offices that are not there":                         {Facts: known(func(f *notice.Facts) { f.Bureau, f.Committee = notice.Office{}, notice.Office{} }), When: notice.Draft{Content: content}, Err: domain.ErrInvalid, Faults: 2},
		"offices of other kinds": {Facts: known(func(f *notice.Facts) {
			f.Bureau.Kind, f.Committee.Kind = organization.KindUnit, organization.KindBureau
		}), When: notice.Draft{Content: content}, Err: domain.ErrInvalid, Faults: 2},
		"closed offices":                                      {Facts: known(func(f *notice.Facts) { f.Bureau.Closed, f.Committee.Closed = true, true }), When: notice.Draft{Content: content}, Err: domain.ErrInvalid, Faults: 2},
		"a committee of another bureau":                       {Facts: known(func(f *notice.Facts) { f.Committee.Bureaux = []string{"beside", "above"} }), When: notice.Draft{Content: content}, Err: domain.ErrInvalid, Faults: 1},
		"a committee of the bureau above":                     {Facts: known(func(f *notice.Facts) { f.Committee.Bureaux = []string{"above"} }), When: notice.Draft{Content: content}, Then: events{drafted}},
		"a committee of no bureau":                            {Facts: known(func(f *notice.Facts) { f.Committee.Bureaux = nil }), When: notice.Draft{Content: content}, Then: events{drafted}},
		"a committee closed since the draft is not published": {Given: events{drafted}, Facts: known(func(f *notice.Facts) { f.Committee.Closed = true }), When: notice.Publish{}, Err: domain.ErrInvalid, Faults: 1},
		"nor revised to":                                      {Given: events{drafted}, Facts: known(func(f *notice.Facts) { f.Committee.Closed = true }), When: notice.Revise{Content: renamed}, Err: domain.ErrInvalid, Faults: 1},
		"what was never drafted":                              {Facts: facts, When: notice.Publish{}, Err: notice.ErrNotFound},
	})
}

func TestPhase(t *testing.T) {
	opens := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := notice.State{Status: notice.StatusPublished, Content: notice.Content{OpensAt: opens, ClosesAt: opens.AddDate(0, 1, 0)}}
	for at, want := range map[time.Time]string{
		opens.Add(-1): "upcoming", opens: "open", s.Content.ClosesAt.Add(-1): "open", s.Content.ClosesAt: "closed",
	} {
		if got := s.Phase(at); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	s.Status = notice.StatusClosed
	if got := s.Phase(opens); got != "closed" {
		t.Errorf("closed by hand: %s", got)
	}
}

func TestAnExtensionLeavesTheCutOffDateWhereItWas(t *testing.T) {
	closes := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	s := notice.Evolve(notice.State{}, notice.Drafted{Content: notice.Content{ClosesAt: closes}})
	for _, later := range []time.Time{closes.AddDate(0, 1, 0), closes.AddDate(0, 2, 0)} {
		s = notice.Evolve(s, notice.Extended{ClosesAt: later})
		if !s.Content.CutOffDate().Equal(closes) || !s.Content.ClosesAt.Equal(later) {
			t.Fatalf("cut off at %s, closes at %s", s.Content.CutOffDate(), s.Content.ClosesAt)
		}
	}
}

// A draft may stand as it likes; what makes no sense is refused when it is published, and what offices really do is not.
func TestWhatMakesNoSenseIsNotPublished(t *testing.T) {
	opens := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	office := func(k organization.Kind) notice.Office { return notice.Office{Name: "x", Kind: k} }
	def := catalog.Definition{Type: "title.regular", Version: 3}
	facts := notice.Facts{Now: opens, Definition: def, Bureau: office(organization.KindBureau), Committee: office(organization.KindCommittee)}
	for name, ex := range map[string]struct {
		change func(*notice.Content)
		want   []string
	}{
		"as it should be":                  {func(*notice.Content) {}, nil},
		"a window that is over":            {func(c *notice.Content) { c.OpensAt, c.ClosesAt = opens.AddDate(0, -2, 0), opens }, []string{"body.closesAt"}},
		"a window that opens later":        {func(c *notice.Content) { c.OpensAt, c.ClosesAt = opens.AddDate(0, 6, 0), opens.AddDate(0, 9, 0) }, nil},
		"cut off in 1900":                  {func(c *notice.Content) { c.CutOff = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC) }, []string{"body.cutOff"}},
		"cut off two years after closing":  {func(c *notice.Content) { c.CutOff = c.ClosesAt.AddDate(2, 0, 0) }, []string{"body.cutOff"}},
		"cut off a year and a half before": {func(c *notice.Content) { c.CutOff = c.ClosesAt.AddDate(0, -18, 0) }, nil},
		"cut off at the end of the year":   {func(c *notice.Content) { c.CutOff = time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC) }, nil},
		"a year far from the window":       {func(c *notice.Content) { c.Year = 2031 }, []string{"body.year"}},
		"last year's call":                 {func(c *notice.Content) { c.Year = 2025 }, nil},
		"a batch without its number":       {func(c *notice.Content) { c.Type, c.Batch = "grade2.appointment", " " }, []string{"body.batch"}},
		"a batch with its number":          {func(c *notice.Content) { c.Type, c.Batch = "grade2.appointment", "第三批" }, nil},
		"everything at once": {func(c *notice.Content) {
			c.Type, c.Year, c.CutOff = "grade2.appointment", 2050, time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
			c.OpensAt, c.ClosesAt = opens.AddDate(0, -2, 0), opens.AddDate(0, -1, 0)
		}, []string{"body.closesAt", "body.cutOff", "body.year", "body.batch"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := notice.Content{Type: "title.regular", Title: "通知", Year: 2026, OpensAt: opens, ClosesAt: opens.AddDate(0, 3, 0),
				Bureau: domain.Organization{ID: "b", Name: "x"}, Committee: domain.Organization{ID: "c", Name: "x"}}
			ex.change(&c)
			facts.Definition = catalog.Definition{Type: c.Type, Batched: c.Type == "grade2.appointment"}
			if _, err := notice.Decide(notice.State{}, facts, notice.Draft{Content: c}); err != nil {
				t.Fatalf("a draft is refused: %v", err)
			}
			_, err := notice.Decide(notice.Evolve(notice.State{}, notice.Drafted{Content: c}), facts, notice.Publish{})
			var refused *domain.Error
			var at []string
			if errors.As(err, &refused) {
				for _, f := range refused.Faults {
					at = append(at, f.Location)
				}
			}
			if diff := cmp.Diff(ex.want, at); diff != "" || (err == nil) != (ex.want == nil) {
				t.Fatalf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
