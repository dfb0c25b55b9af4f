package readmodels

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
)

// FieldValue turns a field's value into the string, int64 or bool that stores keep, so that named types of those
// kinds may be used; anything else is ErrQuery.
func FieldValue(v any) (any, error) {
	switch v := v.(type) {
	case string, int64, bool:
		return v, nil
	case int:
		return int64(v), nil
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String:
		return r.String(), nil
	case reflect.Bool:
		return r.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if r.Uint() <= math.MaxInt64 {
			return int64(r.Uint()), nil // #nosec G115 -- checked above
		}
	}
	return nil, fmt.Errorf("%w: a field is a string, int64 or bool, not %T", ErrQuery, v)
}

// CompareKeys orders places in a list as stores do: by value, then by id.
func CompareKeys(a, b Key) int {
	c, _ := compareValues(a.Value, b.Value)
	return cmp.Or(c, cmp.Compare(a.ID, b.ID))
}

func compareValues(a, b any) (int, bool) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return cmp.Compare(a, b), ok
	case int64:
		b, ok := b.(int64)
		return cmp.Compare(a, b), ok
	case bool:
		b, ok := b.(bool)
		return cmp.Compare(rank(a), rank(b)), ok
	}
	return 0, a == nil && b == nil
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}
