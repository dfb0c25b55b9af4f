package catalog

import "slices"

// SlotLimits is what a notice asks of the files in a slot instead of what the type's definition asks. A zero field leaves that
// as it is. It is stored in events: fields are only ever added.
type SlotLimits struct {
	MaxBytes int64    `json:"maxBytes,omitempty"`
	MaxFiles int      `json:"maxFiles,omitempty"`
	Pixels   []Pixels `json:"pixels,omitempty"`
}

// Equal tells whether two ask for the same.
func (l SlotLimits) Equal(o SlotLimits) bool {
	return l.MaxBytes == o.MaxBytes && l.MaxFiles == o.MaxFiles && slices.Equal(l.Pixels, o.Pixels)
}

// WithLimits is the definition with other limits for some of its slots, by their keys. A notice keeps this one, so that whatever
// looks at a slot later sees the notice's limits and no others.
func (d Definition) WithLimits(limits map[string]SlotLimits) Definition {
	if len(limits) == 0 {
		return d
	}
	d.Slots = slices.Clone(d.Slots)
	for i := range d.Slots {
		slot, l := &d.Slots[i], limits[d.Slots[i].Key]
		if l.MaxBytes > 0 {
			slot.MaxBytes = l.MaxBytes
		}
		if l.MaxFiles > 0 {
			slot.MaxFiles = l.MaxFiles
		}
		if len(l.Pixels) > 0 {
			slot.Pixels = l.Pixels
		}
	}
	return d
}
