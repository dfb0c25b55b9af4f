package esdbserver_test

import (
	"math"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"
)

func readAllOf(t testing.TB, c *esdb.Client, stream string) ([]*esdb.ResolvedEvent, error) {
	return drain(c.ReadStream(bounded(t), stream, esdb.ReadStreamOptions{}, math.MaxUint64))
}

func TestDeletedStreamComesBackWithItsNextRevision(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 3)...)
	require.NoError(t, err)
	_, err = c.DeleteStream(ctx, "s", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(1)})
	require.Error(t, err, "the revision is wrong")
	_, err = c.DeleteStream(ctx, "s", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(2)})
	require.NoError(t, err)
	_, err = readAllOf(t, c, "s")
	require.Equal(t, esdb.ErrorCodeResourceNotFound, codeOf(err))
	_, err = c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.StreamExists{}}, event(0))
	require.Equal(t, esdb.ErrorCodeStreamDeleted, codeOf(err))
	res, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, event(3))
	require.NoError(t, err)
	require.Equal(t, uint64(3), res.NextExpectedVersion)
	left, err := readAllOf(t, c, "s")
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestTombstoneIsForEver(t *testing.T) {
	ctx := bounded(t)
	dir := t.TempDir()
	s, stop := start(t, dir)
	c := dial(t, s)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 2)...)
	require.NoError(t, err)
	sub, err := c.SubscribeToStream(ctx, "s", esdb.SubscribeToStreamOptions{From: esdb.End{}})
	require.NoError(t, err)
	require.NotNil(t, sub.Recv().CaughtUp)
	_, err = c.TombstoneStream(ctx, "s", esdb.TombstoneStreamOptions{})
	require.NoError(t, err)
	require.Equal(t, "$streamDeleted", sub.Recv().EventAppeared.OriginalEvent().EventType)
	require.NotNil(t, sub.Recv().SubscriptionDropped)
	for range 2 {
		_, err = readAllOf(t, c, "s")
		require.Equal(t, esdb.ErrorCodeStreamDeleted, codeOf(err))
		_, err = c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, event(0))
		require.Equal(t, esdb.ErrorCodeStreamDeleted, codeOf(err))
		stop()
		s, stop = start(t, dir)
		c = dial(t, s)
	}
}

// TestMetadataGoesWithItsTombstonedStream, as on the official server (IndexReader.GetStreamLastEventNumberCached).
func TestMetadataGoesWithItsTombstonedStream(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	var m esdb.StreamMetadata
	m.SetMaxCount(3)
	_, err := c.SetStreamMetadata(ctx, "s", esdb.AppendToStreamOptions{}, m)
	require.NoError(t, err)
	_, err = c.TombstoneStream(ctx, "s", esdb.TombstoneStreamOptions{})
	require.NoError(t, err)
	_, err = c.SetStreamMetadata(ctx, "s", esdb.AppendToStreamOptions{}, m)
	require.Equal(t, esdb.ErrorCodeStreamDeleted, codeOf(err))
	_, err = readAllOf(t, c, "$$s")
	require.Equal(t, esdb.ErrorCodeStreamDeleted, codeOf(err))
}

// TestLiveSubscriberSeesWhatIsTruncatedAtOnce appends three events of which reads see only the last from the start.
func TestLiveSubscriberSeesWhatIsTruncatedAtOnce(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	sub, err := c.SubscribeToStream(ctx, "$$s", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	require.NoError(t, err)
	defer func() { _ = sub.Close() }()
	require.NotNil(t, sub.Recv().CaughtUp)
	_, err = c.AppendToStream(ctx, "$$s", esdb.AppendToStreamOptions{}, events(0, 3)...)
	require.NoError(t, err)
	for n := range uint64(3) {
		require.Equal(t, n, sub.Recv().EventAppeared.OriginalEvent().EventNumber)
	}
	got, err := readAllOf(t, c, "$$s")
	require.NoError(t, err)
	require.Len(t, got, 1)
}

func TestMetadataTruncatesReads(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 10)...)
	require.NoError(t, err)
	set := func(change func(*esdb.StreamMetadata)) {
		var m esdb.StreamMetadata
		change(&m)
		_, err := c.SetStreamMetadata(ctx, "s", esdb.AppendToStreamOptions{}, m)
		require.NoError(t, err)
	}
	first := func() uint64 {
		got, err := readAllOf(t, c, "s")
		require.NoError(t, err)
		require.NotEmpty(t, got)
		return got[0].OriginalEvent().EventNumber
	}
	set(func(m *esdb.StreamMetadata) { m.SetMaxCount(3) })
	require.Equal(t, uint64(7), first())
	set(func(m *esdb.StreamMetadata) { m.SetTruncateBefore(5) })
	require.Equal(t, uint64(5), first())
	set(func(m *esdb.StreamMetadata) { m.SetMaxAge(time.Hour) })
	require.Equal(t, uint64(0), first())
	got, err := c.GetStreamMetadata(ctx, "s", esdb.ReadStreamOptions{})
	require.NoError(t, err)
	require.Equal(t, time.Hour, *got.MaxAge(), "the newest metadata is read")
}
