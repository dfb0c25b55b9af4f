// Package clone makes deep copies of documents. It knows nothing of projections.
package clone

import (
	"reflect"
	"time"
)

// Func returns a function that copies a document of this type as deep as a fold can change it: pointers,
// slices, maps and interfaces are followed through exported fields; unexported ones are copied as they are,
// which is right for time.Time and the like. The plan is made once per type, not per copy.
func Func(doc any) func(any) any {
	t := reflect.TypeOf(doc).Elem()
	c := planner{}.plan(t)
	return func(src any) any {
		dst := reflect.New(t)
		dst.Elem().Set(reflect.ValueOf(src).Elem())
		if c != nil {
			c(dst.Elem())
		}
		return dst.Interface()
	}
}

// unshare makes a value, which was copied shallowly, independent of its source. Nil means nothing is shared.
type unshare func(reflect.Value)

// planner remembers types under way, so that recursive types end.
type planner map[reflect.Type]*unshare

func (p planner) plan(t reflect.Type) unshare {
	if known, ok := p[t]; ok {
		return func(v reflect.Value) {
			if *known != nil {
				(*known)(v)
			}
		}
	}
	slot := new(unshare)
	p[t] = slot
	*slot = p.make(t)
	if *slot == nil {
		delete(p, t)
	}
	return *slot
}

func (p planner) make(t reflect.Type) unshare {
	switch t.Kind() {
	case reflect.Pointer:
		return p.pointer(t)
	case reflect.Slice:
		return p.slice(t)
	case reflect.Map:
		return p.mapping(t)
	case reflect.Array:
		if elem := p.plan(t.Elem()); elem != nil {
			return func(v reflect.Value) {
				for i := range v.Len() {
					elem(v.Index(i))
				}
			}
		}
	case reflect.Struct:
		return p.structure(t)
	case reflect.Interface:
		return func(v reflect.Value) {
			if v.IsNil() {
				return
			}
			c := reflect.New(v.Elem().Type()).Elem()
			c.Set(v.Elem())
			if inner := (planner{}).plan(c.Type()); inner != nil {
				inner(c)
			}
			v.Set(c)
		}
	}
	return nil
}

func (p planner) pointer(t reflect.Type) unshare {
	elem := p.plan(t.Elem())
	return func(v reflect.Value) {
		if v.IsNil() {
			return
		}
		c := reflect.New(t.Elem())
		c.Elem().Set(v.Elem())
		if elem != nil {
			elem(c.Elem())
		}
		v.Set(c)
	}
}

func (p planner) slice(t reflect.Type) unshare {
	elem := p.plan(t.Elem())
	return func(v reflect.Value) {
		if v.IsNil() {
			return
		}
		// Capacity equals length: an append by the fold never writes into the source's array, nor grows it.
		c := reflect.MakeSlice(t, v.Len(), v.Len())
		reflect.Copy(c, v)
		if elem != nil {
			for i := range c.Len() {
				elem(c.Index(i))
			}
		}
		v.Set(c)
	}
}

func (p planner) mapping(t reflect.Type) unshare {
	elem := p.plan(t.Elem())
	return func(v reflect.Value) {
		if v.IsNil() {
			return
		}
		c := reflect.MakeMapWithSize(t, v.Len())
		for it := v.MapRange(); it.Next(); {
			value := it.Value()
			if elem != nil {
				own := reflect.New(t.Elem()).Elem()
				own.Set(value)
				elem(own)
				value = own
			}
			c.SetMapIndex(it.Key(), value)
		}
		v.Set(c)
	}
}

func (p planner) structure(t reflect.Type) unshare {
	if t == reflect.TypeFor[time.Time]() {
		return nil
	}
	type field struct {
		index int
		do    unshare
	}
	var fields []field
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			if do := p.plan(f.Type); do != nil {
				fields = append(fields, field{i, do})
			}
		}
	}
	if fields == nil {
		return nil
	}
	return func(v reflect.Value) {
		for _, f := range fields {
			f.do(v.Field(f.index))
		}
	}
}
