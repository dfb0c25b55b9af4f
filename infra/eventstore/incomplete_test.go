package eventstore_test

import (
	"fmt"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/infra/eventstore/eventstoretest"
)

// An operator truncates or deletes a stream behind the program's back.
func TestHalfAHistoryIsRefused(t *testing.T) {
	s := startServer(t)
	c := s.client(t)
	conf, err := esdb.ParseConnectionString("esdb://embedded?tls=false")
	require.NoError(t, err)
	conf.Address = s.address
	raw, err := esdb.NewClient(conf)
	require.NoError(t, err)
	defer func() { _ = raw.Close() }()
	keep := uint64(1)
	truncated := esdb.StreamMetadata{}
	truncated.SetMaxCount(keep)
	for name, change := range map[string]func(stream string) error{
		"truncated": func(stream string) error {
			_, err := raw.SetStreamMetadata(t.Context(), stream, esdb.AppendToStreamOptions{}, truncated)
			return err
		},
		"hard deleted": func(stream string) error {
			_, err := raw.TombstoneStream(t.Context(), stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			stream := fmt.Sprintf("test-%d", len(name))
			_, err := c.Append(t.Context(), stream, commands.NoStream, []domain.Proposed{eventstoretest.Note("a", 1), eventstoretest.Note("b", 2), eventstoretest.Note("c", 3)})
			require.NoError(t, err)
			events, err := c.Read(t.Context(), stream, 1)
			require.NoError(t, err)
			require.Len(t, events, 2)
			require.NoError(t, change(stream))
			for _, from := range []uint64{0, 1} {
				_, err = c.Read(t.Context(), stream, from)
				require.ErrorIs(t, err, commands.ErrHistoryIncomplete, from)
			}
		})
	}
}
