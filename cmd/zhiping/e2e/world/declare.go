package world

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"sync"
	"testing"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// builtinCatalog is the catalog that the binary has; nobody changes it.
var builtinCatalog = sync.OnceValues(func() (*catalog.Catalog, error) { return catalog.Load(nil) })

// Definition is the newest definition of a type, as the binary has it embedded.
func Definition(t testing.TB, typ string) catalog.Definition {
	t.Helper()
	c, err := builtinCatalog()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := c.Definition(typ)
	if !ok {
		t.Fatalf("no type %s", typ)
	}
	return d
}

// OpenNotice is the id of an open notice of a type.
func OpenNotice(c *Caller, typ string) string {
	c.Server.T.Helper()
	list := c.Want(http.StatusOK, "", "GET", "/notices?open=true&type="+typ, nil).Items("items")
	if len(list) == 0 {
		c.Server.T.Fatalf("no open notice of %s", typ)
	}
	id, _ := list[0]["id"].(string)
	return id
}

// Bind binds the applicant to a unit, with the officer's approval.
func Bind(applicant, officer *Caller, uscc string) {
	applicant.Server.T.Helper()
	applicant.Want(http.StatusCreated, "", "POST", "/bindings", map[string]any{"uscc": uscc})
	me := applicant.Want(http.StatusOK, "", "GET", "/me", nil).Str("id")
	officer.Want(http.StatusOK, "", "POST", "/bindings/"+me+"/approve", map[string]any{})
}

func SelfCheck(d catalog.Definition) map[string]bool {
	checked := map[string]bool{}
	for _, item := range d.SelfCheck {
		checked[item.Key] = true
	}
	return checked
}

// StartDeclaration starts a declaration and answers its id.
func StartDeclaration(c *Caller, d catalog.Definition) string {
	c.Server.T.Helper()
	a := c.Want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": OpenNotice(c, d.Type), "selfCheck": SelfCheck(d)})
	return a.Str("id")
}

// FillIn saves every module and attaches every required file; it answers the position of the last step.
func FillIn(c *Caller, d catalog.Definition, id string) (position string) {
	c.Server.T.Helper()
	form := catalogtest.Form(d)
	for _, m := range d.Modules {
		if data, ok := form[m.Key]; ok {
			position = c.Want(http.StatusOK, "", "PUT", "/declarations/"+id+"/modules/"+m.Key, []byte(data)).Header.Get("X-Position")
		}
	}
	for _, s := range d.Slots {
		if s.Required && s.Module != "recommenders" {
			a := c.Upload(id, s.Key, "", s.Key+extension(s), SampleFile(s))
			if a.Status != http.StatusCreated {
				c.Server.T.Fatalf("attach %s: %d %s", s.Key, a.Status, a.Raw)
			}
			position = a.Header.Get("X-Position")
		}
	}
	return position
}

func extension(s catalog.Slot) string {
	if len(s.Pixels) > 0 {
		return ".jpg"
	}
	return ".pdf"
}

// SampleFile is content that the slot takes.
func SampleFile(s catalog.Slot) []byte {
	if len(s.Pixels) > 0 {
		return Photo(s.Pixels[0].Width, s.Pixels[0].Height)
	}
	return PDF("证明材料")
}

func Photo(width, height int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, width, height)), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// PDF is a whole one-page document, with a cross-reference table that is right.
func PDF(note string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var offsets []int
	for i, object := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> >>",
	} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	fmt.Fprintf(&b, "%% %x\n", note)
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, xref)
	return b.Bytes()
}

const (
	University = "12220000127701509T"
	Company    = "91220101MA0Y3KQ208"
)
