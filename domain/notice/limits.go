package notice

import (
	"fmt"
	"maps"
	"slices"

	"zhiping/domain/catalog"
	"zhiping/domain/gb"
	"zhiping/domain/text"
)

// Bounds on the limits that a notice may set for attachments. The largest file fits into a request; a picture of the largest
// size fits into the memory that is kept for looking at one.
const (
	MinFileBytes  = 10 << 10
	MaxFileBytes  = 200 << 20
	MaxSlotFiles  = 100
	MaxPixelSizes = 10
	MinSide       = 50
	MaxSide       = 5000
)

// MaxQuotas is how many units a notice may give a quota of their own.
const MaxQuotas = 2000

// Places is how many declarations a unit may pass on, if that is bounded at all.
func (c Content) Places(unit string) (places int, bounded bool) {
	if places, own := c.Quotas[unit]; own {
		return places, true
	}
	return c.Quota, c.Quota > 0
}

// attachments refuses limits of slots that the type does not have, and limits that no file could keep or no server take.
func attachments(f *faults, c Content, facts Facts) {
	if facts.Definition.Type == "" {
		return // whose slots nobody knows
	}
	for _, key := range slices.Sorted(maps.Keys(c.SlotLimits)) {
		at, l := "slotLimits."+key, c.SlotLimits[key]
		i := slices.IndexFunc(facts.Definition.Slots, func(s catalog.Slot) bool { return s.Key == key })
		switch {
		case i < 0:
			f.add(at, "unknown_slot", text.Args{"slot": key})
			continue
		case l.Equal(catalog.SlotLimits{}):
			f.add(at, "missing", nil)
		}
		if l.MaxBytes != 0 && (l.MaxBytes < MinFileBytes || l.MaxBytes > MaxFileBytes) {
			f.add(at+".maxBytes", "range", text.Args{"min": MinFileBytes, "max": MaxFileBytes})
		}
		if l.MaxFiles != 0 && (l.MaxFiles < 1 || l.MaxFiles > MaxSlotFiles) {
			f.add(at+".maxFiles", "range", text.Args{"min": 1, "max": MaxSlotFiles})
		}
		pixels(f, at+".pixels", l.Pixels, facts.Definition.Slots[i])
	}
}

func pixels(f *faults, at string, sizes []catalog.Pixels, slot catalog.Slot) {
	switch {
	case len(sizes) > 0 && len(slot.Pixels) == 0: // it may take no pictures at all, and the first one that is measured is printed
		f.add(at, "slot_not_measured", text.Args{"slot": slot.Name})
		return
	case len(sizes) > MaxPixelSizes:
		f.add(at, "too_many_items", text.Args{"max": MaxPixelSizes})
	}
	for i, p := range sizes {
		if min(p.Width, p.Height) < MinSide || max(p.Width, p.Height) > MaxSide {
			f.add(fmt.Sprintf("%s[%d]", at, i), "range", text.Args{"min": MinSide, "max": MaxSide})
		}
	}
}

// quotas refuses codes that are mistyped, since their units would have the quota of all others unnoticed. A code whose check
// character does not fit may be in real use (domain.md 1.12): it is taken when a unit has it.
func quotas(f *faults, c Content, facts Facts) {
	if c.Quota < 0 {
		f.add("quota", "range", text.Args{"min": 0, "max": "∞"})
	}
	if len(c.Quotas) > MaxQuotas {
		f.add("quotas", "too_many_items", text.Args{"max": MaxQuotas})
		return
	}
	for _, code := range slices.Sorted(maps.Keys(c.Quotas)) {
		wellFormed, fits := gb.CheckCreditCode(code)
		switch {
		case !wellFormed:
			f.add("quotas."+code, "credit_code", nil)
		case !fits && !facts.Registered[code]:
			f.add("quotas."+code, "credit_code_unknown", nil)
		case c.Quotas[code] < 0:
			f.add("quotas."+code, "range", text.Args{"min": 0, "max": "∞"})
		}
	}
}
