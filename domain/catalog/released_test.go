package catalog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// Every definition version ever released still compiles; and what is embedded now is what was released, unless its
// version grew. ZHIPING_RELEASE=1 writes the golden copy of a version that has none; it never changes one.
func TestReleasedDefinitionsNeverChange(t *testing.T) {
	const released = "testdata/released"
	c := load(t)
	for _, l := range c.Lines() {
		for _, ref := range l.Types {
			d, _ := c.Definition(ref.Key)
			now, err := json.MarshalIndent(d, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			now = append(now, '\n')
			name := filepath.Join(released, fmt.Sprintf("%s.v%d.json", d.Type, d.Version))
			golden, err := os.ReadFile(name)
			if errors.Is(err, os.ErrNotExist) && os.Getenv("ZHIPING_RELEASE") != "" {
				golden = now
				err = errors.Join(os.MkdirAll(released, 0o755), os.WriteFile(name, now, 0o644)) // a test's data
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(golden) != string(now) {
				t.Errorf("%s v%d differs from what was released: raise its version", d.Type, d.Version)
			}
		}
	}
	files, err := filepath.Glob(released + "/*.json")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d released definitions: %v", len(files), err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var d catalog.Definition
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checker, err := catalog.Compile(d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		form := written(t, d)
		if faults := checker.Validate(form); len(faults) > 0 {
			t.Errorf("%s: a form written under it no longer validates: %v", name, told(faults))
		}
		for _, m := range d.Modules {
			if faults := checker.CheckModule(m.Key, form.Modules[m.Key]); len(faults) > 0 {
				t.Errorf("%s: %s can no longer be saved: %v", name, m.Key, told(faults))
			}
		}
	}
}

// Every version from the first to today's has its copies; without one, nobody would notice that it no longer loads.
func TestEveryVersionHasItsCopies(t *testing.T) {
	c := load(t)
	for _, l := range c.Lines() {
		for _, ref := range l.Types {
			d, _ := c.Definition(ref.Key)
			for v := 1; v <= d.Version; v++ {
				for _, folder := range []string{"testdata/released", "testdata/written"} {
					if _, err := os.Stat(filepath.Join(folder, fmt.Sprintf("%s.v%d.json", d.Type, v))); err != nil {
						t.Errorf("%s v%d has no copy: %v", d.Type, v, err)
					}
				}
			}
		}
	}
}

// written is a form that was filled in when the definition was released; ZHIPING_RELEASE=1 writes one that is missing.
func written(t *testing.T, d catalog.Definition) (form catalog.Form) {
	t.Helper()
	name := filepath.Join("testdata/written", fmt.Sprintf("%s.v%d.json", d.Type, d.Version))
	raw, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("ZHIPING_RELEASE") != "" {
		raw, err = json.MarshalIndent(catalogtest.Whole(d, true), "", " ")
		err = errors.Join(err, os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, raw, 0o644)) //nolint:gosec // a test's data
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &form); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return form
}
