package http

import (
	"encoding/json"
	"mime/multipart"
	"strings"
	"testing"
	"unicode/utf8"
)

// What passes for unambiguous is one JSON value.
func FuzzUnambiguous(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"a":2}`, `{"a":[{"b":1},{"b":1}]}`, `[1]2`, `{"a"`, `"\ud800"`, ` null `, `[[[[`, `{"a":1,}`, "\xff", `1e999`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if one, _ := unambiguous(text); utf8.Valid(text) && one && !json.Valid(text) {
			t.Fatalf("%q is no JSON", text)
		}
	})
}

// A file's name is read from any multipart body without harm; what a name may hold is the store's to say.
func FuzzFileName(f *testing.F) {
	for _, s := range []string{
		`form-data; name="file"; filename="证书.pdf"`, `form-data; name="file"; filename="..\\..\\a\"b.pdf"`,
		`form-data; name="file"; filename*=UTF-8''%e8%af%81%00`, `form-data; filename*0="a"; filename*1="b"`, `form-data; filename=`, "x",
	} {
		f.Add(s, "content")
	}
	f.Fuzz(func(t *testing.T, disposition, content string) {
		body := "--x\r\nContent-Disposition: " + disposition + "\r\n\r\n" + content + "\r\n--x--\r\n"
		part, err := multipart.NewReader(strings.NewReader(body), "x").NextPart()
		if err != nil {
			return
		}
		if name := rawFileName(part); len(name) > len(body) {
			t.Fatalf("%q is longer than what was sent", name)
		}
	})
}
