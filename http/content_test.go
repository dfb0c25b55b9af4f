package http

import (
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"
)

func TestEveryNameIsReadBackFromItsHeader(t *testing.T) {
	for _, name := range []string{
		"a.pdf", "职称证书.pdf", "教授（正高）.pdf", `say "hi".pdf`, "a;b=c.pdf", "100%.pdf", "a%22b.pdf", "O'Neil.pdf", "a*b(c).pdf", "a,b@c:d.pdf",
		"tab\tand\r\nbreak.pdf", `back\slash.pdf`, "spaces in it.pdf", "朴正😀.png", "a&b+c=d!.jpg", "~`^|{}[]<>?.jpg", strings.Repeat("长", 80) + ".pdf", "",
	} {
		header := disposition(name)
		kind, params, err := mime.ParseMediaType(header)
		if err != nil || kind != "attachment" || params["filename"] != name {
			t.Errorf("%q is read back from %s as %q, %v", name, header, params["filename"], err)
		}
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q makes a header that is not ASCII: %q", name, header)
		}
		// Who knows only the old form still gets a name without anything to decode or to escape.
		_, old, err := mime.ParseMediaType(header[:strings.Index(header, "; filename*")])
		if err != nil || strings.ContainsAny(old["filename"], "\"\\%") || len([]rune(name)) != len(old["filename"]) {
			t.Errorf("%q is called %q without RFC 8187, %v", name, old["filename"], err)
		}
	}
}

func TestNamesAreTakenAsTheyWereBeforeTheBrowserWroteThem(t *testing.T) {
	for sent, want := range map[string]string{
		`form-data; name="file"; filename="a%22b.pdf"`:                `a"b.pdf`,
		`form-data; name="file"; filename="a%0D%0Ab.pdf"`:             "a\r\nb.pdf",
		`form-data; name="file"; filename="100%.pdf"`:                 "100%.pdf",
		`form-data; name="file"; filename="证书.pdf"`:                   "证书.pdf",
		`form-data; name="file"; filename*=UTF-8''%E8%AF%81%E4%B9%A6`: "证书",
	} {
		part := &multipart.Part{Header: textproto.MIMEHeader{"Content-Disposition": {sent}}}
		if got := rawFileName(part); got != want {
			t.Errorf("%s is %q, want %q", sent, got, want)
		}
	}
}

func TestRanges(t *testing.T) {
	const size = 100
	for header, want := range map[string]string{
		"": "whole", "bytes=0-": "0+100", "bytes=0-0": "0+1", "bytes=10-19": "10+10", "bytes=99-": "99+1", "bytes=90-1000": "90+10", "BYTES=1-2": "1+2",
		"bytes=-1": "99+1", "bytes=-100": "0+100", "bytes=-1000": "0+100", "bytes=-0": "416", "bytes=100-": "416", "bytes=100-200": "416", "bytes= 5-6": "5+2",
		"bytes=99999999999999999999-": "416", "bytes=0-99999999999999999999": "0+100", "bytes=-99999999999999999999": "0+100",
		"bytes=5-2": "416", "bytes=-": "whole", "bytes=": "whole", "bytes": "whole", "bytes=a-b": "whole", "bytes=+1-2": "whole", "bytes=1-+2": "whole",
		"bytes=--1": "whole", "bytes=1-2-3": "whole", "bytes=0-1,5-6": "whole", "lines=0-1": "whole", "bytes=1": "whole",
	} {
		offset, length, partial, err := rangeOf(header, size)
		got := fmt.Sprintf("%d+%d", offset, length)
		switch {
		case errors.Is(err, errRange):
			got = "416"
		case err != nil:
			t.Errorf("%q: %v", header, err)
		case !partial && offset == 0 && length == size:
			got = "whole"
		}
		if got != want {
			t.Errorf("%q is %s, want %s", header, got, want)
		}
	}
}
