package esdbserver

import (
	"encoding/binary"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that this one falls back to
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"zhiping/infra/esdbserver/internal/store"
)

// encoded is a message that is already in wire format.
type encoded []byte

// codec is gRPC's own, except that encoded messages are sent as they are. Events are encoded by hand: they are
// nearly everything the server sends, and reflection over their property maps costs more than reading them.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.(encoded); ok {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return encoding.GetCodecV2("proto").Marshal(v)
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	return encoding.GetCodecV2("proto").Unmarshal(data, v)
}

// Field numbers of streams.proto and persistent.proto, which agree on events.
const (
	fieldEvent, fieldLink, fieldCommit, fieldRetries     = 1, 2, 3, 5
	recID, recStream, recRevision, recPrepare, recCommit = 1, 2, 3, 4, 5
	recProps, recMeta, recData                           = 6, 7, 8
)

// noRetries leaves the retry count of persistent subscriptions out.
const noRetries = -1

// encodeEvent makes a ReadResp, of either service, with one event. link is the link it was found by, and event
// nil when the link leads nowhere. The position is that of what was read: the link if there is one.
func encodeEvent(event, link *store.Event, stringIDs bool, retries int) encoded {
	at := link
	if at == nil {
		at = event
	}
	inner := protowire.SizeTag(fieldCommit) + protowire.SizeVarint(uint64(at.Position)) // #nosec G115 -- positions and revisions are never negative
	var eventSize, linkSize int
	if event != nil {
		eventSize = recordedSize(event, stringIDs)
		inner += protowire.SizeTag(fieldEvent) + protowire.SizeBytes(eventSize)
	}
	if link != nil {
		linkSize = recordedSize(link, stringIDs)
		inner += protowire.SizeTag(fieldLink) + protowire.SizeBytes(linkSize)
	}
	if retries != noRetries {
		inner += protowire.SizeTag(fieldRetries) + protowire.SizeVarint(uint64(retries)) // #nosec G115 -- a count is never negative
	}
	b := make([]byte, 0, 1+protowire.SizeBytes(inner))
	b = appendLen(b, 1, inner)
	if event != nil {
		b = appendRecorded(appendLen(b, fieldEvent, eventSize), event, stringIDs)
	}
	if link != nil {
		b = appendRecorded(appendLen(b, fieldLink, linkSize), link, stringIDs)
	}
	b = appendUint(b, fieldCommit, uint64(at.Position)) // #nosec G115 -- positions and revisions are never negative
	if retries != noRetries {
		b = appendUint(b, fieldRetries, uint64(retries)) // #nosec G115 -- a count is never negative
	}
	return b
}

func appendLen(b []byte, field protowire.Number, n int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(n)) // #nosec G115 -- a length is never negative
}

func appendUint(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func contentType(e *store.Event) string {
	if e.JSON {
		return typeJSON
	}
	return typeBinary
}

func halves(id [16]byte) (hi, lo uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
}

func structuredSize(id [16]byte) int {
	hi, lo := halves(id)
	return 2 + protowire.SizeVarint(hi) + protowire.SizeVarint(lo)
}

func idSize(id [16]byte, asString bool) int {
	if asString {
		return 1 + protowire.SizeBytes(36)
	}
	return 1 + protowire.SizeBytes(structuredSize(id))
}

func propSize(key, value string) int {
	return 1 + protowire.SizeBytes(2+protowire.SizeBytes(len(key))+protowire.SizeBytes(len(value)))
}

func decimals(n int64) int {
	var buf [20]byte
	return len(strconv.AppendInt(buf[:0], n, 10))
}

func recordedSize(e *store.Event, stringIDs bool) int {
	n := 1 + protowire.SizeBytes(idSize(e.ID, stringIDs))
	n += 1 + protowire.SizeBytes(1+protowire.SizeBytes(len(e.Stream)))
	n += 1 + protowire.SizeVarint(uint64(e.Revision))       // #nosec G115 -- positions and revisions are never negative
	n += 2 * (1 + protowire.SizeVarint(uint64(e.Position))) // #nosec G115 -- positions and revisions are never negative
	n += propSize(propType, e.Type) + propSize(propContentType, contentType(e))
	n += 1 + protowire.SizeBytes(2+protowire.SizeBytes(len(propCreated))+protowire.SizeBytes(decimals(e.Created)))
	n += 1 + protowire.SizeBytes(len(e.Meta))
	return n + 1 + protowire.SizeBytes(len(e.Data))
}

func appendRecorded(b []byte, e *store.Event, stringIDs bool) []byte {
	b = appendLen(b, recID, idSize(e.ID, stringIDs))
	if stringIDs {
		b = appendString(b, 2, uuid.UUID(e.ID).String())
	} else {
		hi, lo := halves(e.ID)
		b = appendLen(b, 1, structuredSize(e.ID))
		b = appendUint(appendUint(b, 1, hi), 2, lo)
	}
	b = appendLen(b, recStream, 1+protowire.SizeBytes(len(e.Stream)))
	b = appendString(b, 3, e.Stream)
	b = appendUint(b, recRevision, uint64(e.Revision)) // #nosec G115 -- positions and revisions are never negative
	b = appendUint(b, recPrepare, uint64(e.Position))  // #nosec G115 -- positions and revisions are never negative
	b = appendUint(b, recCommit, uint64(e.Position))   // #nosec G115 -- positions and revisions are never negative
	b = appendProp(b, propType, e.Type)
	b = appendProp(b, propContentType, contentType(e))
	b = appendProp(b, propCreated, strconv.FormatInt(e.Created, 10))
	b = protowire.AppendBytes(protowire.AppendTag(b, recMeta, protowire.BytesType), e.Meta)
	return protowire.AppendBytes(protowire.AppendTag(b, recData, protowire.BytesType), e.Data)
}

func appendProp(b []byte, key, value string) []byte {
	b = appendLen(b, recProps, 2+protowire.SizeBytes(len(key))+protowire.SizeBytes(len(value)))
	return appendString(appendString(b, 1, key), 2, value)
}

func uuidMessage(id [16]byte, asString bool) *shared.UUID {
	if asString {
		return &shared.UUID{Value: &shared.UUID_String_{String_: uuid.UUID(id).String()}}
	}
	hi, lo := halves(id)
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits: int64(hi), LeastSignificantBits: int64(lo), // #nosec G115 -- the bits of a UUID
	}}}
}
