package trail

import (
	"encoding/json"
	"testing"
)

// What people enter is compared without harm, and with itself without a change.
func FuzzChanges(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":2}]}`), []byte(`{"a":[1,{"b":3},4],"~/":null}`))
	f.Add([]byte(`[1,2,3]`), []byte(`{"0":1}`))
	f.Add([]byte(` {`), []byte(`x`))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		b, a := map[string]json.RawMessage{"/x": before}, map[string]json.RawMessage{"/x": after}
		if same := changes(a, a); len(same) != 0 {
			t.Fatalf("%q differs from itself: %v", after, same)
		}
		list := changes(b, a)
		if json.Valid(before) && json.Valid(after) {
			if _, err := json.Marshal(list); err != nil {
				t.Fatalf("%q to %q: %v", before, after, err)
			}
		}
	})
}
