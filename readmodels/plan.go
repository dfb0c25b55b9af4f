package readmodels

import (
	"cmp"
	"fmt"
	"slices"
)

// Plan is a checked query as an adapter runs it: a walk along one index. Adapters make it with PlanFind and
// PlanCount; nobody else needs it.
type Plan struct {
	// Index is the position of the index in the view's list; -1 walks the ids.
	Index int
	// Equal are the equalities in the index's order, each with one value or more.
	Equal []Term
	// Sort is the field behind the equalities, empty to sort by id.
	Sort string
	Desc bool
	// Low and High bound the walk; nil is open.
	Low, High *Edge
	Limit     int
}

// Term is a field's equality to one of several values.
type Term struct {
	Field  string
	Values []any
}

// Edge is a bound. With Beyond it excludes all up to and including the place (Value, ID); otherwise it includes
// everything with the Value. Without a sort field, Value is the id.
type Edge struct {
	Value  any
	ID     string
	Beyond bool
}

// Combinations are the values of Equal, one choice of every term's values each, in the order of the terms.
func (p Plan) Combinations() [][]any {
	all := [][]any{nil}
	for _, t := range p.Equal {
		next := make([][]any, 0, len(all)*len(t.Values))
		for _, head := range all {
			for _, v := range t.Values {
				next = append(next, append(slices.Clip(head), v))
			}
		}
		all = next
	}
	return all
}

// PlanFind checks a query against the declared indexes.
func PlanFind(indexes []Index, q Query) (Plan, error) {
	p := Plan{Sort: q.Sort, Desc: q.Desc, Limit: q.Limit}
	if q.Limit < 1 || q.Limit > MaxLimit {
		return Plan{}, fmt.Errorf("%w: limit %d", ErrQuery, q.Limit)
	}
	terms, err := planTerms(q.Equal, q.In)
	if err != nil {
		return Plan{}, err
	}
	if p.Index = serving(indexes, terms, q.Sort, true); p.Index < -1 {
		return Plan{}, noIndex(terms, q.Sort)
	}
	p.Equal = inOrder(indexes, p.Index, terms)
	if p.Low, err = planEdge(q.From, q.Sort); err != nil {
		return Plan{}, err
	}
	if p.High, err = planEdge(q.To, q.Sort); err != nil {
		return Plan{}, err
	}
	return p, p.continueAfter(q.After)
}

// PlanCount checks a count against the declared indexes.
func PlanCount(indexes []Index, equal map[string]any) (Plan, error) {
	terms, err := planTerms(equal, nil)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Index: serving(indexes, terms, "", false)}
	if p.Index < -1 {
		return Plan{}, noIndex(terms, "")
	}
	p.Equal = inOrder(indexes, p.Index, terms)
	return p, nil
}

// continueAfter narrows the bound that a cursor lies behind. Cursors come from clients, so what does not fit is
// ErrCursor rather than a fault of ours.
func (p *Plan) continueAfter(after *Key) error {
	if after == nil {
		return nil
	}
	edge := &Edge{Value: after.Value, ID: after.ID, Beyond: true}
	if p.Sort == "" {
		if after.Value != nil {
			return ErrCursor
		}
		edge.Value = after.ID
	}
	value, err := FieldValue(edge.Value)
	if err != nil {
		return ErrCursor
	}
	edge.Value = value
	bound, sign := &p.Low, 1
	if p.Desc {
		bound, sign = &p.High, -1
	}
	if *bound != nil {
		c, ok := compareValues(edge.Value, (*bound).Value)
		if !ok {
			return ErrCursor
		}
		if c*sign < 0 {
			return nil // the range begins behind the cursor
		}
	}
	*bound = edge
	return nil
}

func planEdge(v any, sort string) (*Edge, error) {
	if v == nil {
		return nil, nil
	}
	value, err := FieldValue(v)
	if err != nil {
		return nil, err
	}
	if _, text := value.(string); sort == "" && !text {
		return nil, fmt.Errorf("%w: ids are bounded by strings, not %T", ErrQuery, v)
	}
	return &Edge{Value: value}, nil
}

func planTerms(equal map[string]any, in map[string][]any) ([]Term, error) {
	terms := make([]Term, 0, len(equal)+len(in))
	for field, v := range equal {
		value, err := FieldValue(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		terms = append(terms, Term{Field: field, Values: []any{value}})
	}
	combinations := 1
	for field, vs := range in {
		if _, twice := equal[field]; twice {
			return nil, fmt.Errorf("%w: %s is in Equal and in In", ErrQuery, field)
		}
		t := Term{Field: field}
		for _, v := range vs {
			value, err := FieldValue(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", field, err)
			}
			if !slices.Contains(t.Values, value) {
				t.Values = append(t.Values, value)
			}
		}
		if combinations *= len(t.Values); combinations > MaxIn {
			return nil, fmt.Errorf("%w: more than %d combinations in In", ErrQuery, MaxIn)
		}
		terms = append(terms, t)
	}
	return terms, nil
}

// serving finds the index, -1 for the ids alone, or -2 for none.
func serving(indexes []Index, terms []Term, sort string, exact bool) int {
	if len(terms) == 0 && sort == "" {
		return -1
	}
	length := len(terms)
	if sort != "" {
		length++
	}
next:
	for i, index := range indexes {
		if len(index.Fields) < length || exact && len(index.Fields) > length {
			continue
		}
		for _, t := range terms {
			if !slices.Contains(index.Fields[:len(terms)], t.Field) {
				continue next
			}
		}
		if sort == "" || index.Fields[len(terms)] == sort {
			return i
		}
	}
	return -2
}

func inOrder(indexes []Index, index int, terms []Term) []Term {
	if index < 0 {
		return nil
	}
	fields := indexes[index].Fields
	slices.SortFunc(terms, func(a, b Term) int {
		return cmp.Compare(slices.Index(fields, a.Field), slices.Index(fields, b.Field))
	})
	return terms
}

func noIndex(terms []Term, sort string) error {
	var fields []string
	for _, t := range terms {
		fields = append(fields, t.Field)
	}
	slices.Sort(fields)
	return fmt.Errorf("%w: equal %v, sort %q", ErrNoIndex, fields, sort)
}
