package http

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// line remembers how long a read may take.
type line struct{ deadlines []time.Time }

func (l *line) SetReadDeadline(t time.Time) error { l.deadlines = append(l.deadlines, t); return nil }

type broken struct{}

func (broken) SetReadDeadline(time.Time) error { return errors.New("closed") }

func TestAnUploadHasTimeForEachPieceButNotForEver(t *testing.T) {
	l := &line{}
	r := &steady{Reader: strings.NewReader("abc"), conn: l, each: time.Minute, end: time.Now().Add(uploadTimeout)}
	for range 3 {
		if n, err := r.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if len(l.deadlines) != 3 || !l.deadlines[2].After(l.deadlines[0]) || l.deadlines[0].After(time.Now().Add(time.Minute)) {
		t.Fatalf("%v", l.deadlines)
	}
	r.end = time.Now().Add(time.Second)
	_, _ = r.Read(nil)
	if last := l.deadlines[3]; !last.Equal(r.end) {
		t.Fatalf("it may go on until %v, want %v", last, r.end)
	}
	if _, err := (&steady{Reader: strings.NewReader("abc"), conn: broken{}}).Read(make([]byte, 1)); err == nil {
		t.Fatal("a connection that is closed is read")
	}
}
