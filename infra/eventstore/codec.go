package eventstore

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/go-json-experiment/json" // encoding/json's results in less than half its time
	v1 "github.com/go-json-experiment/json/v1"

	"zhiping/domain"
)

// Errors of the codec. All of them mean that this program and the stored events do not fit together, which only
// a deployment can repair; retrying is pointless.
var (
	// ErrUnknownEvent: a stored or proposed event has a type that no list names.
	ErrUnknownEvent = errors.New("eventstore: unknown event type")
	// ErrNewerSchema: a stored event was written by a newer program than this one.
	ErrNewerSchema = errors.New("eventstore: event schema is newer than this program")
	// ErrCorruptEvent: a stored event cannot be read as the type it claims.
	ErrCorruptEvent = errors.New("eventstore: event cannot be decoded")
)

// asStandard reads and writes what encoding/json would. Only faults are told otherwise: telling them as it does takes
// a look at the whole text first.
var asStandard = json.JoinOptions(v1.DefaultOptionsV1(), v1.ReportErrorsWithLegacySemantics(false))

// Codec translates between events and their stored form. It is immutable and safe for concurrent use.
type Codec struct{ types map[string]codecType }

type codecType struct {
	domain.EventType
	rtype reflect.Type
}

// NewCodec joins lists of event types. A name that occurs twice, a version below one or a missing upcaster is an
// error, so that a mistake is found when the program starts and not when the event is read years later.
func NewCodec(types ...domain.EventType) (*Codec, error) {
	c := &Codec{types: make(map[string]codecType, len(types))}
	var faults []error
	for _, t := range types {
		if _, twice := c.types[t.Name]; twice {
			faults = append(faults, fmt.Errorf("event type %q is declared twice", t.Name))
		}
		faults = append(faults, checkType(t))
		c.types[t.Name] = codecType{EventType: t, rtype: reflect.TypeOf(t.Zero)}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("eventstore: codec: %w", err)
	}
	return c, nil
}

func checkType(t domain.EventType) error {
	switch {
	case t.Name == "" || strings.HasPrefix(t.Name, "$"):
		return fmt.Errorf("event type %q: empty, or a name that belongs to the store", t.Name)
	case t.Zero == nil || reflect.TypeOf(t.Zero).Kind() != reflect.Struct:
		return fmt.Errorf("event type %s: Zero must be a struct value", t.Name)
	case t.Version < 1:
		return fmt.Errorf("event type %s: versions count from one", t.Name)
	}
	for v := 1; v < t.Version; v++ {
		if t.Upcast[v] == nil {
			return fmt.Errorf("event type %s: no upcaster from version %d", t.Name, v)
		}
	}
	return nil
}

// Types lists the names of all event types.
func (c *Codec) Types() []string {
	names := make([]string, 0, len(c.types))
	for name := range c.types {
		names = append(names, name)
	}
	return names
}

// Encode makes the stored form: data and metadata as JSON, the metadata with the schema version of the type.
// The event must be the very struct that the type's list names.
func (c *Codec) Encode(p domain.Proposed) (esdb.EventData, error) {
	t, ok := c.types[p.Type]
	if !ok {
		return esdb.EventData{}, fmt.Errorf("encode %q: %w", p.Type, ErrUnknownEvent)
	}
	if got := reflect.TypeOf(p.Event); got != t.rtype {
		return esdb.EventData{}, fmt.Errorf("encode %s: event is a %v, its list says %v", p.Type, got, t.rtype)
	}
	data, err := json.Marshal(p.Event, asStandard)
	if err != nil {
		return esdb.EventData{}, fmt.Errorf("encode %s: %w", p.Type, err)
	}
	p.Meta.SchemaVersion = t.Version
	meta, err := json.Marshal(p.Meta, asStandard)
	if err != nil {
		return esdb.EventData{}, fmt.Errorf("encode %s: metadata: %w", p.Type, err)
	}
	return esdb.EventData{
		EventID: p.ID, EventType: p.Type, ContentType: esdb.ContentTypeJson, Data: data, Metadata: meta,
	}, nil
}

// Outline reads what a stored event's metadata tells, and leaves the event itself out. It fails for types and versions
// that Decode does not know, and not for data that Decode finds corrupt.
func (c *Codec) Outline(e *esdb.RecordedEvent) (domain.Recorded, error) {
	r := domain.Recorded{
		Stream: e.StreamID, Revision: e.EventNumber, Position: e.Position.Commit, ID: e.EventID, Type: e.EventType,
	}
	t, ok := c.types[e.EventType]
	if !ok {
		return r, decodeError(e, ErrUnknownEvent, nil)
	}
	if len(e.UserMetadata) > 0 {
		if err := json.Unmarshal(e.UserMetadata, &r.Meta, asStandard); err != nil {
			return r, decodeError(e, ErrCorruptEvent, err)
		}
	}
	if r.Meta.SchemaVersion > t.Version {
		return r, decodeError(e, ErrNewerSchema, nil)
	}
	if r.At = r.Meta.At; r.At.IsZero() {
		r.At = e.CreatedDate.UTC()
	}
	return r, nil
}

// Decode reads a stored event as the newest struct of its type. Metadata without a schema version is version one.
func (c *Codec) Decode(e *esdb.RecordedEvent) (domain.Recorded, error) {
	r, err := c.Outline(e)
	if err != nil {
		return r, err
	}
	if r.Event, err = c.types[e.EventType].decode(max(r.Meta.SchemaVersion, 1), e.Data); err != nil {
		return r, decodeError(e, ErrCorruptEvent, err)
	}
	return r, nil
}

// decode upcasts step by step on the raw JSON, so that an old struct never has to be kept in the code.
func (t codecType) decode(version int, data []byte) (any, error) {
	for v := version; v < t.Version; v++ {
		var err error
		if data, err = t.Upcast[v](data); err != nil {
			return nil, fmt.Errorf("upcast from version %d: %w", v, err)
		}
	}
	event := reflect.New(t.rtype)
	if err := json.Unmarshal(data, event.Interface(), asStandard); err != nil {
		return nil, err
	}
	return event.Elem().Interface(), nil
}

func decodeError(e *esdb.RecordedEvent, kind, cause error) error {
	if cause == nil {
		return fmt.Errorf("decode %s at %s/%d: %w", e.EventType, e.StreamID, e.EventNumber, kind)
	}
	return fmt.Errorf("decode %s at %s/%d: %w: %w", e.EventType, e.StreamID, e.EventNumber, kind, cause)
}
