package notice_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
)

const (
	university = "12220000127701509T"
	company    = "91220101MA0Y3KQ209" // whose check character does not fit
)

// called is a sound notice, of a type with a photo and a proof, and what is known of its offices.
func called() (notice.Content, notice.Facts) {
	opens := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	office := func(k organization.Kind) notice.Office { return notice.Office{Name: "x", Kind: k} }
	return notice.Content{Type: "t", Title: "通知", Year: 2026, OpensAt: opens, ClosesAt: opens.AddDate(0, 3, 0),
			Bureau: domain.Organization{ID: "b", Name: "x"}, Committee: domain.Organization{ID: "c", Name: "x"}},
		notice.Facts{Now: opens, Definition: catalog.Definition{Type: "t", Version: 3, Slots: slots()}, Bureau: office(organization.KindBureau), Committee: office(organization.KindCommittee)}
}

func slots() []catalog.Slot {
	return []catalog.Slot{
		{Key: "photo", MaxBytes: 300 << 10, MaxFiles: 1, Pixels: []catalog.Pixels{{Width: 413, Height: 626}}},
		{Key: "proof", MaxBytes: 5 << 20, MaxFiles: 5},
	}
}

func TestLimitsAndQuotasOfANotice(t *testing.T) {
	type limits = map[string]catalog.SlotLimits
	size := func(w, h int) catalog.SlotLimits {
		return catalog.SlotLimits{Pixels: []catalog.Pixels{{Width: w, Height: h}}}
	}
	many := map[string]int{}
	for i := range notice.MaxQuotas + 1 {
		many[fmt.Sprint(i)] = 1
	}
	for name, ex := range map[string]struct {
		slots      limits
		quotas     map[string]int
		registered []string
		want       []string // locations and codes of the faults
	}{
		"none":                           {},
		"the least that may be asked":    {slots: limits{"proof": {MaxBytes: notice.MinFileBytes, MaxFiles: 1}, "photo": size(notice.MinSide, notice.MinSide)}},
		"the most":                       {slots: limits{"proof": {MaxBytes: notice.MaxFileBytes, MaxFiles: notice.MaxSlotFiles}, "photo": size(notice.MaxSide, notice.MaxSide)}},
		"less and more than that":        {slots: limits{"photo": {MaxBytes: notice.MinFileBytes - 1, MaxFiles: -1}, "proof": {MaxBytes: notice.MaxFileBytes + 1, MaxFiles: notice.MaxSlotFiles + 1}}, want: []string{"slotLimits.photo.maxBytes range", "slotLimits.photo.maxFiles range", "slotLimits.proof.maxBytes range", "slotLimits.proof.maxFiles range"}},
		"a slot that the type lacks":     {slots: limits{"thesis": {MaxFiles: 2}}, want: []string{"slotLimits.thesis unknown_slot"}},
		"limits that say nothing":        {slots: limits{"proof": {}}, want: []string{"slotLimits.proof missing"}},
		"pictures too small":             {slots: limits{"photo": size(notice.MinSide-1, 100)}, want: []string{"slotLimits.photo.pixels[0] range"}},
		"pictures too large":             {slots: limits{"photo": size(100, notice.MaxSide+1)}, want: []string{"slotLimits.photo.pixels[0] range"}},
		"too many sizes":                 {slots: limits{"photo": {Pixels: slices.Repeat(size(100, 100).Pixels, notice.MaxPixelSizes+1)}}, want: []string{"slotLimits.photo.pixels too_many_items"}},
		"sizes of what is not measured":  {slots: limits{"proof": size(413, 626)}, want: []string{"slotLimits.proof.pixels slot_not_measured"}},
		"a unit's own quota":             {quotas: map[string]int{university: 3}},
		"a unit that may pass on none":   {quotas: map[string]int{university: 0}},
		"less than none":                 {quotas: map[string]int{university: -1}, want: []string{"quotas." + university + " range"}},
		"what is no credit code":         {quotas: map[string]int{"1222000012770150": 1}, want: []string{"quotas.1222000012770150 credit_code"}},
		"a code that may be mistyped":    {quotas: map[string]int{company: 1}, want: []string{"quotas." + company + " credit_code_unknown"}},
		"unless a unit is registered so": {quotas: map[string]int{company: 1}, registered: []string{company}},
		"more units than anybody checks": {quotas: many, want: []string{"quotas too_many_items"}},
	} {
		t.Run(name, func(t *testing.T) {
			content, facts := called()
			content.SlotLimits, content.Quotas = ex.slots, ex.quotas
			facts.Registered = map[string]bool{}
			for _, code := range ex.registered {
				facts.Registered[code] = true
			}
			// A draft that became wrong, because the type or the unit is another by now, is not published either.
			drafted := notice.Evolve(notice.State{}, notice.Drafted{Content: content})
			for _, try := range []struct {
				s notice.State
				c notice.Command
			}{
				{notice.State{}, notice.Draft{Content: content}},
				{notice.State{Status: notice.StatusDraft}, notice.Revise{Content: content}},
				{drafted, notice.Publish{}},
			} {
				_, err := notice.Decide(try.s, facts, try.c)
				var got []string
				var de *domain.Error
				if errors.As(err, &de) {
					for _, f := range de.Faults {
						got = append(got, f.Location[len("body."):]+" "+f.Code)
					}
				}
				if diff := cmp.Diff(ex.want, got); diff != "" {
					t.Fatalf("%T (-want +got):\n%s", try.c, diff)
				}
			}
		})
	}
}

// The definition that a notice keeps has its limits, and the type's own where it says nothing; the type's stays as it is.
func TestANoticeKeepsItsDefinitionWithItsLimits(t *testing.T) {
	content, facts := called()
	content.SlotLimits = map[string]catalog.SlotLimits{
		"photo": {Pixels: []catalog.Pixels{{Width: 358, Height: 441}}}, "proof": {MaxBytes: 10 << 20, MaxFiles: 2},
	}
	got, err := notice.Decide(notice.Evolve(notice.State{}, notice.Drafted{Content: content}), facts, notice.Publish{})
	if err != nil {
		t.Fatal(err)
	}
	kept := catalog.Definition{Type: "t", Version: 3, Slots: []catalog.Slot{
		{Key: "photo", MaxBytes: 300 << 10, MaxFiles: 1, Pixels: []catalog.Pixels{{Width: 358, Height: 441}}},
		{Key: "proof", MaxBytes: 10 << 20, MaxFiles: 2},
	}}
	if diff := cmp.Diff([]notice.Event{notice.Published{Definition: kept}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(slots(), facts.Definition.Slots); diff != "" {
		t.Errorf("the type itself has changed (-want +got):\n%s", diff)
	}
}

// What a notice was published with cannot be changed; naming it again the same is no change.
func TestLimitsAndQuotasDoNotChangeOncePublished(t *testing.T) {
	content, _ := called()
	content.Quotas = map[string]int{university: 2}
	content.SlotLimits = map[string]catalog.SlotLimits{"proof": {MaxFiles: 2}}
	s := notice.Evolve(notice.Evolve(notice.State{}, notice.Drafted{Content: content}), notice.Published{})
	for name, ex := range map[string]struct {
		change func(*notice.Content)
		want   error
	}{
		"the same": {func(c *notice.Content) {
			c.Quotas, c.SlotLimits = map[string]int{university: 2}, map[string]catalog.SlotLimits{"proof": {MaxFiles: 2, Pixels: []catalog.Pixels{}}}
		}, nil},
		"and longer":    {func(c *notice.Content) { c.ClosesAt = c.ClosesAt.AddDate(0, 1, 0) }, nil},
		"another quota": {func(c *notice.Content) { c.Quotas = map[string]int{university: 3} }, notice.ErrPublished},
		"none any more": {func(c *notice.Content) { c.Quotas = nil }, notice.ErrPublished},
		"another limit": {func(c *notice.Content) { c.SlotLimits = map[string]catalog.SlotLimits{"proof": {MaxFiles: 3}} }, notice.ErrPublished},
		"a limit of one more": {func(c *notice.Content) {
			c.SlotLimits = map[string]catalog.SlotLimits{"proof": {MaxFiles: 2}, "photo": {MaxFiles: 2}}
		}, notice.ErrPublished},
	} {
		t.Run(name, func(t *testing.T) {
			c := content
			ex.change(&c)
			if _, err := notice.Decide(s, notice.Facts{}, notice.Revise{Content: c}); !errors.Is(err, ex.want) {
				t.Fatal(err)
			}
		})
	}
}

func TestPlacesOfAUnit(t *testing.T) {
	for name, ex := range map[string]struct {
		quota   int
		quotas  map[string]int
		places  int
		bounded bool
	}{
		"no bound at all":               {},
		"the default":                   {quota: 5, places: 5, bounded: true},
		"its own":                       {quota: 5, quotas: map[string]int{university: 2}, places: 2, bounded: true},
		"its own, others without bound": {quotas: map[string]int{university: 2}, places: 2, bounded: true},
		"none":                          {quota: 5, quotas: map[string]int{university: 0}, bounded: true},
		"another's":                     {quotas: map[string]int{company: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			if places, bounded := (notice.Content{Quota: ex.quota, Quotas: ex.quotas}).Places(university); places != ex.places || bounded != ex.bounded {
				t.Fatalf("%d %t", places, bounded)
			}
		})
	}
}
