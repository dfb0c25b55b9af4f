// Package domaintest runs the decision tests of all aggregates: given events, when a command comes, then events or a
// refusal follow. It knows no aggregate.
package domaintest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/text"
)

// Example is one decision. Err is compared by errors.Is. Faults is how many faults a refusal lists; 0 is not compared.
type Example[F, C, E any] struct {
	Given  []E
	Facts  F
	When   C
	Then   []E
	Err    error
	Faults int
}

// Run decides each example, by the name that says what it shows. Every refusal must have its sentence in both languages, and no
// events beside it.
func Run[S, F, C, E any](t *testing.T, decide func(S, F, C) ([]E, error), evolve func(S, E) S, examples map[string]Example[F, C, E]) {
	t.Helper()
	for name, ex := range examples {
		t.Run(name, func(t *testing.T) {
			var s S
			for _, e := range ex.Given {
				s = evolve(s, e)
			}
			got, err := decide(s, ex.Facts, ex.When)
			if !errors.Is(err, ex.Err) || (err == nil) != (ex.Err == nil) {
				t.Fatalf("error %v, want %v", err, ex.Err)
			}
			if diff := cmp.Diff(ex.Then, got); diff != "" {
				t.Fatalf("events (-want +got):\n%s", diff)
			}
			sentences(t, err, ex.Faults)
		})
	}
}

func sentences(t *testing.T, err error, faults int) {
	t.Helper()
	var refusal *domain.Error
	if !errors.As(err, &refusal) {
		if err != nil {
			t.Fatalf("%v is no refusal", err)
		}
		return
	}
	if !text.Has("error." + refusal.Code) {
		t.Errorf("error.%s has no sentence", refusal.Code)
	}
	for _, f := range refusal.Faults {
		if !text.Has("fault." + f.Code) {
			t.Errorf("fault.%s has no sentence", f.Code)
		}
	}
	if faults != 0 && len(refusal.Faults) != faults {
		t.Errorf("%d faults, want %d: %v", len(refusal.Faults), faults, refusal.Faults)
	}
}
