package store

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// Metadata is what a stream's metadata says about reading it. The zero value means no restriction.
type Metadata struct {
	TruncateBefore int64
	MaxCount       int64
	MaxAge         int64 // seconds
	ACL            []byte
}

// IsMetastream tells whether a stream holds another stream's metadata.
func IsMetastream(name string) bool { return strings.HasPrefix(name, metaPrefix) }

// parseMetadata reads a metadata event. What is malformed, not positive or out of range is ignored, as the
// official server does: metadata must never make a stream unreadable.
func parseMetadata(data []byte) Metadata {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return Metadata{}
	}
	m := Metadata{
		TruncateBefore: positive(fields["$tb"]),
		MaxCount:       positive(fields["$maxCount"]),
		MaxAge:         positive(fields["$maxAge"]),
	}
	if acl := fields["$acl"]; len(acl) > 0 && acl[0] == '{' {
		m.ACL = acl
	}
	// A duration beyond this would overflow in ticks, and means for ever anyway.
	if m.MaxAge > int64(time.Duration(1<<62)/time.Second/100) {
		m.MaxAge = 0
	}
	return m
}

func positive(raw json.RawMessage) int64 {
	var n int64
	if len(raw) == 0 || json.Unmarshal(raw, &n) != nil || n < 0 {
		return 0
	}
	return n
}

// withTruncateBefore returns the metadata JSON with $tb set, everything else as it was.
func withTruncateBefore(data []byte, tb int64) []byte {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(data, &fields) != nil || fields == nil {
		fields = map[string]json.RawMessage{}
	}
	n, _ := json.Marshal(tb)
	fields["$tb"] = n
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(fields) // raw messages that were just decoded always encode
	return bytes.TrimSpace(b.Bytes())
}

// Stream is what is known about a stream at one moment.
type Stream struct {
	ID   int64
	Name string
	Last int64 // newest revision, -1 none, maxRevision tombstoned
	Metadata
}

// Tombstoned tells that the stream is deleted for good.
func (s *Stream) Tombstoned() bool { return s.Last == maxRevision }

// SoftDeleted tells that the stream is deleted but may be written again.
func (s *Stream) SoftDeleted() bool { return s.TruncateBefore == maxRevision }

// First is the lowest revision that reads may return, by $tb and $maxCount.
func (s *Stream) First() int64 {
	first := s.TruncateBefore
	count := s.MaxCount
	if count == 0 && IsMetastream(s.Name) {
		count = 1 // implicit: clients read metadata forwards from the start, one event
	}
	if count > 0 {
		first = max(first, s.Last-count+1)
	}
	return max(first, 0)
}

// expiry is the oldest creation time that reads may return.
func (s *Stream) expiry(now int64) int64 {
	if s.MaxAge == 0 {
		return 0
	}
	return now - s.MaxAge*ticksPerSecond
}

const ticksPerSecond = 10_000_000

func ticks(t time.Time) int64 { return t.Unix()*ticksPerSecond + int64(t.Nanosecond())/100 }
