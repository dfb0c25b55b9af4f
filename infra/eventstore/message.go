package eventstore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"zhiping/domain"
)

// AllStreams is the topic of a Subscriber that stands for $all.
const AllStreams = "$all"

// The keys under which a delivered message tells where its event stands in the store. A Publisher does not store
// them, except for the type, which becomes the event's type.
const (
	KeyStream   = "es_stream"
	KeyRevision = "es_revision" // decimal, within the stream
	KeyPosition = "es_position" // decimal, commit position in $all
	KeyType     = "es_type"     // event type
	KeyCreated  = "es_created"  // RFC 3339 with nanoseconds, UTC
	KeyRetries  = "es_retries"  // decimal, persistent subscriptions only
	// KeyKind tells a checkpoint message (KindCheckpoint) from an event, which has no kind.
	KeyKind = "es_kind"
)

// KindCheckpoint marks a message without an event: everything up to its KeyPosition has been delivered.
const KindCheckpoint = "checkpoint"

// keyUUID keeps a message's id where that is not a UUID, because event ids are.
const keyUUID = "es_uuid"

// defaultType is the event type of published messages that name none.
const defaultType = "Message"

// Watermill's own key for the correlation id; ours is EventStoreDB's convention.
const (
	keyCorrelation    = "correlation_id"
	storedCorrelation = "$correlationId"
)

func isOurs(key string) bool {
	switch key {
	case KeyStream, KeyRevision, KeyPosition, KeyType, KeyCreated, KeyRetries, KeyKind:
		return true
	}
	return false
}

// encodeMessage makes the stored form of a message: its payload as data and its metadata as a JSON object.
func encodeMessage(m *message.Message) (esdb.EventData, error) {
	meta := make(map[string]string, len(m.Metadata)+1)
	for k, v := range m.Metadata {
		switch {
		case isOurs(k):
		case k == keyCorrelation:
			meta[storedCorrelation] = v
		default:
			meta[k] = v
		}
	}
	id, err := uuid.Parse(m.UUID)
	if err != nil || id.String() != m.UUID {
		id = domain.DerivedID("message", m.UUID)
		meta[keyUUID] = m.UUID
	}
	raw, err := json.Marshal(meta)
	if err != nil {
		return esdb.EventData{}, fmt.Errorf("message %s: metadata: %w", m.UUID, err)
	}
	d := esdb.EventData{EventID: id, EventType: m.Metadata[KeyType], Data: m.Payload, Metadata: raw}
	if d.EventType == "" {
		d.EventType = defaultType
	}
	if json.Valid(m.Payload) {
		d.ContentType = esdb.ContentTypeJson
	}
	return d, nil
}

// decodeMessage makes a message of a stored event, whoever wrote it. String members of the event's metadata
// become message metadata; others stay JSON. Metadata that is no JSON object is left out.
func decodeMessage(e *esdb.RecordedEvent) *message.Message {
	m := message.NewMessage(e.EventID.String(), e.Data)
	var meta map[string]json.RawMessage
	if len(e.UserMetadata) > 0 && json.Unmarshal(e.UserMetadata, &meta) == nil {
		for k, raw := range meta {
			var s string
			if json.Unmarshal(raw, &s) != nil {
				s = string(raw)
			}
			switch k {
			case keyUUID:
				m.UUID = s
			case storedCorrelation:
				m.Metadata[keyCorrelation] = s
			default:
				m.Metadata[k] = s
			}
		}
	}
	m.Metadata[KeyStream] = e.StreamID
	m.Metadata[KeyRevision] = strconv.FormatUint(e.EventNumber, 10)
	m.Metadata[KeyPosition] = strconv.FormatUint(e.Position.Commit, 10)
	m.Metadata[KeyType] = e.EventType
	m.Metadata[KeyCreated] = e.CreatedDate.UTC().Format(time.RFC3339Nano)
	return m
}

func checkpointMessage(position uint64) *message.Message {
	m := message.NewMessage("checkpoint-"+strconv.FormatUint(position, 10), nil)
	m.Metadata[KeyKind] = KindCheckpoint
	m.Metadata[KeyPosition] = strconv.FormatUint(position, 10)
	return m
}
