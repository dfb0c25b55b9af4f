package eventstore_test

import (
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/infra/eventstore"
	"zhiping/infra/eventstore/eventstoretest"
)

func newCodec(tb testing.TB) *eventstore.Codec {
	tb.Helper()
	c, err := eventstore.NewCodec(eventstoretest.Types()...)
	require.NoError(tb, err)
	return c
}

// stored is what the event store would hand back for encoded data.
func stored(d esdb.EventData) *esdb.RecordedEvent {
	return &esdb.RecordedEvent{
		EventID: d.EventID, EventType: d.EventType, StreamID: "test-1", EventNumber: 4,
		Position: esdb.Position{Commit: 9, Prepare: 9}, CreatedDate: time.Unix(99, 0).UTC(),
		Data: d.Data, UserMetadata: d.Metadata,
	}
}

func TestWhatIsEncodedIsDecodedAgain(t *testing.T) {
	c, p := newCodec(t), eventstoretest.Note("甲", 3)
	d, err := c.Encode(p)
	require.NoError(t, err)
	require.Equal(t, esdb.ContentTypeJson, d.ContentType)
	got, err := c.Decode(stored(d))
	require.NoError(t, err)
	p.Meta.SchemaVersion = 1
	require.Equal(t, domain.Recorded{
		Stream: "test-1", Revision: 4, Position: 9, ID: p.ID, Type: p.Type, At: p.Meta.At, Meta: p.Meta, Event: p.Event,
	}, got)
}

func TestAnOldVersionIsUpcast(t *testing.T) {
	got, err := newCodec(t).Decode(stored(esdb.EventData{
		EventType: "TestStruck", Data: []byte(`{"number":7}`), Metadata: []byte(`{"schemaVersion":1}`),
	}))
	require.NoError(t, err)
	require.Equal(t, eventstoretest.Struck{N: 7}, got.Event)
	require.Equal(t, time.Unix(99, 0).UTC(), got.At, "without a time of its own, the store's")
}

func TestDecodingIsStrict(t *testing.T) {
	for name, c := range map[string]struct {
		data esdb.EventData
		want error
	}{
		"unknown type":    {esdb.EventData{EventType: "Nobody", Data: []byte(`{}`)}, eventstore.ErrUnknownEvent},
		"newer schema":    {esdb.EventData{EventType: "TestNoted", Data: []byte(`{}`), Metadata: []byte(`{"schemaVersion":2}`)}, eventstore.ErrNewerSchema},
		"broken data":     {esdb.EventData{EventType: "TestNoted", Data: []byte(`{"n":"x"}`)}, eventstore.ErrCorruptEvent},
		"broken metadata": {esdb.EventData{EventType: "TestNoted", Data: []byte(`{}`), Metadata: []byte(`[`)}, eventstore.ErrCorruptEvent},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newCodec(t).Decode(stored(c.data))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestEncodingTakesOnlyWhatTheListNames(t *testing.T) {
	c := newCodec(t)
	_, err := c.Encode(domain.Proposed{ID: uuid.New(), Type: "Nobody", Event: eventstoretest.Noted{}})
	require.ErrorIs(t, err, eventstore.ErrUnknownEvent)
	_, err = c.Encode(domain.Proposed{ID: uuid.New(), Type: "TestNoted", Event: eventstoretest.Struck{}})
	require.ErrorContains(t, err, "its list says")
	_, err = c.Encode(domain.Proposed{ID: uuid.New(), Type: "TestNoted", Event: &eventstoretest.Noted{}})
	require.Error(t, err, "a pointer is not the struct")
}

func TestACodecRefusesFaultyLists(t *testing.T) {
	type e struct{}
	for name, types := range map[string][]domain.EventType{
		"twice":       {{Name: "A", Version: 1, Zero: e{}}, {Name: "A", Version: 1, Zero: e{}}},
		"no name":     {{Version: 1, Zero: e{}}},
		"system name": {{Name: "$A", Version: 1, Zero: e{}}},
		"no version":  {{Name: "A", Zero: e{}}},
		"no zero":     {{Name: "A", Version: 1}},
		"pointer":     {{Name: "A", Version: 1, Zero: &e{}}},
		"no upcaster": {{Name: "A", Version: 2, Zero: e{}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := eventstore.NewCodec(types...)
			require.Error(t, err)
		})
	}
}

func FuzzDecodeNeverPanics(f *testing.F) {
	f.Add("TestNoted", []byte(`{"text":"a"}`), []byte(`{"schemaVersion":1}`))
	f.Add("TestStruck", []byte(`{"number":1}`), []byte(`{}`))
	c := newCodec(f)
	f.Fuzz(func(t *testing.T, typ string, data, meta []byte) {
		_, _ = c.Decode(stored(esdb.EventData{EventType: typ, Data: data, Metadata: meta}))
	})
}

func BenchmarkDecode(b *testing.B) {
	c := newCodec(b)
	d, err := c.Encode(eventstoretest.Note("some text of common length", 3))
	require.NoError(b, err)
	e := stored(d)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(e); err != nil {
			b.Fatal(err)
		}
	}
}
