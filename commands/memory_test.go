package commands

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestMemoryKeepsWithinBothBounds(t *testing.T) {
	m, err := newMemory(3, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		m.put(fmt.Sprint(i), i, 10)
	}
	if m.streams.Len() != 3 || m.bytes != 30 {
		t.Fatalf("%d streams, %d bytes", m.streams.Len(), m.bytes)
	}
	m.put("9", 9, 60) // the same again, larger
	m.put("large", 0, 40)
	if _, ok := m.get("9"); !ok || m.bytes != 100 {
		t.Fatalf("%v, %d bytes", ok, m.bytes)
	}
	m.put("9", 9, 1)
	m.put("larger than all", 0, 101)
	if _, ok := m.get("larger than all"); ok || m.bytes != 41 {
		t.Fatalf("%v, %d bytes", ok, m.bytes)
	}
}

func TestALogOfCommandsSharesItsBeginning(t *testing.T) {
	var l *commandLog
	ids := make([]uuid.UUID, 100)
	for i := range ids {
		ids[i] = uuid.New()
		l = l.add(ids[i]).add(ids[i]) // events of one command
	}
	one, other := l.add(uuid.New()), l.add(uuid.New())
	if l.len() != 100 || one.len() != 101 || one.before != other.before || one.has(other.id) || !one.has(ids[0]) || l.has(one.id) {
		t.Fatal("a log is not what was added to it")
	}
}

func TestUsageBelongsToItsHourAndDay(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 59, 0, 0, time.UTC)
	var c counted
	for i := range 4 {
		c = c.add(at.Add(time.Duration(i)*30*time.Second), 10) // the third is in the next hour
	}
	if c.Events != 4 || c.ThisHour != 2 || c.Bytes != 40 || c.BytesToday != 40 {
		t.Fatalf("%+v", c)
	}
	if u := c.asOf(at.Add(time.Hour + time.Minute)); u.ThisHour != 0 || u.BytesToday != 40 {
		t.Fatalf("an hour later %+v", u)
	}
	if u := c.asOf(at.AddDate(0, 0, 1)); u.BytesToday != 0 || u.Bytes != 40 || u.Events != 4 {
		t.Fatalf("a day later %+v", u)
	}
}
