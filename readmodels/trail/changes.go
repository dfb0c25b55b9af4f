package trail

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// changes compares values by path and says which leaves differ: objects are compared member by member, lists item
// by item. Only paths in after are looked at; nil there means that the value is gone.
func changes(before, after map[string]json.RawMessage) []Change {
	out := []Change{}
	for _, path := range slices.Sorted(maps.Keys(after)) {
		out = diff(out, path, before[path], after[path])
	}
	return out
}

func diff(out []Change, path string, before, after json.RawMessage) []Change {
	if bytes.Equal(before, after) {
		return out
	}
	b, a := members(before), members(after)
	// A leaf, or something that appeared or went away as a whole: one change says it best.
	if b == nil || a == nil {
		return append(out, Change{Path: path, Before: before, After: after})
	}
	keys := slices.Collect(maps.Keys(b))
	for k := range a {
		if _, both := b[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y string) int {
		if len(x) != len(y) && isIndex(x) && isIndex(y) {
			return len(x) - len(y)
		}
		return strings.Compare(x, y)
	})
	for _, k := range keys {
		out = diff(out, path+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(k), b[k], a[k])
	}
	return out
}

func isIndex(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// members are an object's or a list's values by key or index; nil for anything else.
func members(v json.RawMessage) map[string]json.RawMessage {
	switch trimmed := bytes.TrimLeft(v, " \t\r\n"); {
	case len(trimmed) == 0:
		return nil
	case trimmed[0] == '{':
		m := map[string]json.RawMessage{}
		if json.Unmarshal(trimmed, &m) != nil {
			return nil
		}
		return m
	case trimmed[0] == '[':
		var list []json.RawMessage
		if json.Unmarshal(trimmed, &list) != nil {
			return nil
		}
		m := make(map[string]json.RawMessage, len(list))
		for i, item := range list {
			m[strconv.Itoa(i)] = item
		}
		return m
	}
	return nil
}

// lay puts after over before; nil takes a value away.
func lay(before, after map[string]json.RawMessage) {
	for path, v := range after {
		if v == nil {
			delete(before, path)
			continue
		}
		before[path] = v
	}
}
