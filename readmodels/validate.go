package readmodels

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	viewName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	fieldName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]{0,39}$`)
)

// Validate checks a declaration: names that every store can use as they are, a version from 1 on, indexes without
// repetition. Adapters call it on opening.
func (s Spec) Validate() error {
	switch {
	case !viewName.MatchString(s.Name):
		return fmt.Errorf("%w: view name %q", ErrQuery, s.Name)
	case s.Version < 1:
		return fmt.Errorf("%w: view %s has version %d", ErrQuery, s.Name, s.Version)
	case s.New == nil || s.Type == nil || (s.Fields == nil && len(s.Indexes) > 0):
		return fmt.Errorf("%w: view %s lacks New, Type or Fields", ErrQuery, s.Name)
	}
	seen := map[string]bool{}
	for _, index := range s.Indexes {
		key := strings.Join(index.Fields, " ")
		if len(index.Fields) == 0 || seen[key] {
			return fmt.Errorf("%w: view %s has an empty or repeated index %q", ErrQuery, s.Name, key)
		}
		seen[key] = true
		for i, f := range index.Fields {
			if !fieldName.MatchString(f) || slices.Contains(index.Fields[:i], f) {
				return fmt.Errorf("%w: view %s, index %q: field %q", ErrQuery, s.Name, key, f)
			}
		}
	}
	return s.distinctByCase()
}

// Validate checks what every store needs of a batch: ids, each once, and positions and a token that fit a signed
// integer, which is what databases have. Adapters call it on commit.
func (b Batch) Validate() error {
	if b.Checkpoint > math.MaxInt64 || b.Token > math.MaxInt64 {
		return fmt.Errorf("%w: checkpoint %d, token %d", ErrQuery, b.Checkpoint, b.Token)
	}
	seen := make(map[string]struct{}, len(b.Puts)+len(b.Deletes))
	for _, puts := range [][]Put{b.Puts, b.Deletes} {
		for _, p := range puts {
			if _, twice := seen[p.ID]; twice {
				return fmt.Errorf("%w: %q is twice in a batch of %s", ErrQuery, p.ID, b.Name)
			}
			seen[p.ID] = struct{}{}
			if p.ID == "" || !utf8.ValidString(p.ID) || strings.ContainsRune(p.ID, 0) || p.Position > math.MaxInt64 {
				return fmt.Errorf("%w: id %q, position %d", ErrQuery, p.ID, p.Position)
			}
		}
	}
	return nil
}

// distinctByCase refuses fields that differ by case alone, which SQL columns cannot.
func (s Spec) distinctByCase() error {
	seen := map[string]string{}
	for _, f := range s.IndexedFields() {
		l := strings.ToLower(f)
		if seen[l] != "" {
			return fmt.Errorf("%w: view %s has fields %q and %q", ErrQuery, s.Name, seen[l], f)
		}
		seen[l] = f
	}
	return nil
}

// IndexedFields lists the fields that any index names, each once, in order of first mention.
func (s Spec) IndexedFields() []string {
	var fields []string
	for _, index := range s.Indexes {
		for _, f := range index.Fields {
			if !slices.Contains(fields, f) {
				fields = append(fields, f)
			}
		}
	}
	return fields
}

// FieldValues extracts a document's indexed fields, normalised by FieldValue; a missing field has no entry.
func (s Spec) FieldValues(doc any) (map[string]any, error) {
	if s.Fields == nil {
		return nil, nil
	}
	fields := s.Fields(doc)
	for f, v := range fields {
		value, err := FieldValue(v)
		if err != nil {
			return nil, fmt.Errorf("view %s, field %s: %w", s.Name, f, err)
		}
		if value != v {
			fields[f] = value
		}
	}
	return fields, nil
}
