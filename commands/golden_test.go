package commands_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/binding"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
	"zhiping/domain/quota"
	"zhiping/domain/unit"
)

const golden = "../domain/testdata/events"

// -golden writes the golden file of an event version that has none yet, or none with all of its fields. It never changes
// one: stored events are for good, and so is what they look like.
var writeMissing = flag.Bool("golden", false, "write missing golden event files")

func file(name string, version int) string {
	return filepath.Join(golden, fmt.Sprintf("%s.v%d.json", name, version))
}

// files are the golden files of an event version: the first one, and one more for each time that it got optional fields, which
// need no other version.
func files(t *testing.T, name string, version int) []string {
	t.Helper()
	more, err := filepath.Glob(filepath.Join(golden, fmt.Sprintf("%s.v%d.*.json", name, version)))
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{file(name, version)}, more...)
}

func TestEveryEventVersionEverWrittenIsStillReadable(t *testing.T) {
	for _, typ := range commands.EventTypes() {
		for v := 1; v <= typ.Version; v++ {
			t.Run(fmt.Sprintf("%s v%d", typ.Name, v), func(t *testing.T) {
				if _, err := os.Stat(file(typ.Name, v)); os.IsNotExist(err) && *writeMissing && v == typ.Version {
					write(t, file(typ.Name, v), typ)
				}
				for _, f := range files(t, typ.Name, v) {
					stored, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					readable(t, typ, v, stored)
				}
			})
		}
	}
}

// Every field that is written is in some golden file, and so can neither be renamed nor lost.
func TestEveryFieldOfAnEventIsInAGoldenFile(t *testing.T) {
	for _, typ := range commands.EventTypes() {
		whole, found := encode(t, fill(typ.Zero)), false
		all := files(t, typ.Name, typ.Version)
		for _, f := range all {
			stored, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			found = found || bytes.Equal(stored, whole)
		}
		switch {
		case found:
		case *writeMissing:
			write(t, filepath.Join(golden, fmt.Sprintf("%s.v%d.%d.json", typ.Name, typ.Version, len(all)+1)), typ)
		default:
			t.Errorf("no golden file of %s v%d has all of its fields: go test ./commands -run Golden -golden", typ.Name, typ.Version)
		}
	}
}

func write(t *testing.T, path string, typ domain.EventType) {
	t.Helper()
	if err := os.WriteFile(path, encode(t, fill(typ.Zero)), 0o644); err != nil { // a test's data
		t.Fatal(err)
	}
}

// readable checks that a stored event of some version is decoded, folded, and if it is the newest encoded again as it was.
func readable(t *testing.T, typ domain.EventType, version int, stored []byte) {
	t.Helper()
	data := stored
	for from := version; from < typ.Version; from++ {
		var err error
		if data, err = typ.Upcast[from](data); err != nil {
			t.Fatalf("upcast from v%d: %v", from, err)
		}
	}
	event := reflect.New(reflect.TypeOf(typ.Zero))
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields() // a field that is gone would be lost silently
	if err := dec.Decode(event.Interface()); err != nil {
		t.Fatal(err)
	}
	evolve(t, event.Elem().Interface())
	if version != typ.Version {
		return
	}
	if again := encode(t, event.Elem().Interface()); !bytes.Equal(again, stored) {
		t.Fatalf("does not encode to what was stored; raise the version and write an upcaster\nstored: %s\nnow:    %s", stored, again)
	}
}

func evolve(t *testing.T, event any) {
	t.Helper()
	switch e := event.(type) {
	case unit.Event:
		unit.Evolve(unit.State{}, e)
	case binding.Event:
		binding.Evolve(binding.State{}, e)
	case notice.Event:
		notice.Evolve(notice.State{}, e)
	case declaration.Event:
		declaration.Evolve(declaration.State{}, e)
	case organization.Event:
		organization.Evolve(organization.State{}, e)
	case quota.Event:
		quota.Evolve(quota.State{}, e)
	case account.Event:
		account.Evolve(account.State{}, e)
	default:
		t.Fatalf("%T belongs to no aggregate", event)
	}
}

func TestEveryEventTypeIsListedAndHasAGoldenFile(t *testing.T) {
	listed := map[reflect.Type]bool{}
	names := map[string]bool{}
	for _, typ := range commands.EventTypes() {
		if names[typ.Name] {
			t.Errorf("%s is listed twice", typ.Name)
		}
		names[typ.Name], listed[reflect.TypeOf(typ.Zero)] = true, true
		if typ.Shown == 0 || typ.Shown&domain.Nowhere != 0 && typ.Shown != domain.Nowhere {
			t.Errorf("%s does not say where it is shown; its line in EventTypes: {Name: %q, Version: %d, Zero: %T{}, Shown: domain.Nowhere}, or InAudit, ToAnalysts, InMessage",
				typ.Name, typ.Name, typ.Version, typ.Zero)
		}
		if _, err := os.Stat(file(typ.Name, typ.Version)); err != nil {
			t.Errorf("%s v%d has no golden file: go test ./commands -run Readable -golden", typ.Name, typ.Version)
		}
	}
	events := 0
	for _, dir := range packages(t) {
		for _, name := range marked(t, dir) {
			found := false
			for typ := range listed {
				found = found || typ.String() == filepath.Base(dir)+"."+name
			}
			if events++; !found {
				t.Errorf("%s.%s is an event, but in no EventTypes list", filepath.Base(dir), name)
			}
		}
	}
	if events != len(listed) {
		t.Errorf("%d event types are listed, but the packages of domain have %d", len(listed), events)
	}
}

// packages are the folders of domain.
func packages(t *testing.T) (dirs []string) {
	t.Helper()
	entries, err := os.ReadDir("../domain")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join("../domain", e.Name()))
		}
	}
	return dirs
}

// marked finds the types that have an isEvent method.
func marked(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.Name == "isEvent" {
				names = append(names, fn.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	return names
}

func encode(t *testing.T, event any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	if err := enc.Encode(event); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fill gives every field a value, so that a golden file shows all of them.
func fill(zero any) any {
	v := reflect.New(reflect.TypeOf(zero)).Elem()
	fillValue(v, "value")
	return v.Interface()
}

func fillValue(v reflect.Value, name string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC)))
		return
	case uuid.UUID:
		v.Set(reflect.ValueOf(domain.DerivedID("golden", name)))
		return
	case json.RawMessage:
		v.SetBytes([]byte(`{"key":"值"}`))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.ToLower(name))
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillValue(v.Index(0), name)
	case reflect.Map:
		key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fillValue(key, "key")
		fillValue(val, name)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, val)
	case reflect.Struct:
		for i := range v.NumField() {
			fillValue(v.Field(i), v.Type().Field(i).Name)
		}
	}
}
