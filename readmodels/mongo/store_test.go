package mongo_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"zhiping/readmodels"
	"zhiping/readmodels/mongo"
	"zhiping/readmodels/storetest"
)

var notes = storetest.Notes(1)

func connect(t *testing.T, uri string, change ...func(*mongo.Config)) *mongo.Store {
	t.Helper()
	cfg := mongo.Config{URI: uri, Database: "zhiping", RetryFor: 5 * time.Second, AttemptTimeout: 2 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	s, err := mongo.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// opened is a store on a scripted server that has the notes open; the script begins behind that.
func opened(t *testing.T, set string, script func(name string, command bson.M) any) (*mongo.Store, *wireServer) {
	t.Helper()
	w := newWireServer(t, set, func(string, bson.M) any { return nil })
	s := connect(t, w.uri())
	require.NoError(t, s.Open(t.Context(), notes.Spec()))
	w.mu.Lock()
	w.commands, w.script = nil, script
	w.mu.Unlock()
	return s, w
}

func nothing(string, bson.M) any { return nil }

func twoNotes() readmodels.Batch {
	return readmodels.Batch{
		Name: notes.Name, Version: 1, Checkpoint: 7, Token: 3,
		Puts: []readmodels.Put{notes.Put("a", 7, &storetest.Note{Rank: 1}), notes.Put("b", 6, &storetest.Note{Rank: 2})},
	}
}

func collections(commands []bson.M) (names []string) {
	for _, c := range commands {
		names = append(names, c[c["$name"].(string)].(string))
	}
	return names
}

func TestACommitIsOneTransactionOnAReplicaSet(t *testing.T) {
	s, w := opened(t, "rs", nothing)
	require.NoError(t, s.Commit(t.Context(), twoNotes()))
	sent := w.sent("find", "update", "commitTransaction", "abortTransaction")
	require.Len(t, sent, 5)
	for i, c := range sent {
		require.Equal(t, sent[0]["lsid"], c["lsid"])
		require.Equal(t, sent[0]["txnNumber"], c["txnNumber"])
		require.Equal(t, false, c["autocommit"])
		require.Equal(t, i == 0, c["startTransaction"] == true)
	}
	require.Equal(t, bson.D{{Key: "level", Value: "snapshot"}}, sent[0]["readConcern"])
	require.Equal(t, []string{"checkpoints", "view_notes_1", "view_notes_1", "checkpoints"}, collections(sent[:4]))
	require.Len(t, sent[2]["updates"], 2)
	require.Equal(t, "commitTransaction", sent[4]["$name"])
	require.Equal(t, bson.D{{Key: "w", Value: "majority"}}, sent[4]["writeConcern"])
}

func TestWithoutTransactionsTheCheckpointGoesLast(t *testing.T) {
	s, w := opened(t, "", nothing)
	require.NoError(t, s.Commit(t.Context(), twoNotes()))
	sent := w.sent("find", "update", "commitTransaction")
	require.Equal(t, []string{"checkpoints", "view_notes_1", "checkpoints"}, collections(sent))
	for _, c := range sent {
		require.NotContains(t, c, "startTransaction")
	}
	require.Equal(t, false, sent[1]["ordered"])
}

func TestATransactionOfAFormerLeaderIsAborted(t *testing.T) {
	s, w := opened(t, "rs", func(name string, c bson.M) any {
		if c["find"] == "checkpoints" {
			return found(bson.D{{Key: "_id", Value: "notes@1"}, {Key: "token", Value: int64(4)}})
		}
		return nil
	})
	require.ErrorIs(t, s.Commit(t.Context(), twoNotes()), readmodels.ErrFenced)
	require.Empty(t, w.sent("update", "commitTransaction"))
	require.Len(t, w.sent("abortTransaction"), 1)
}

func TestATransactionLeavesNewerDocumentsAlone(t *testing.T) {
	s, w := opened(t, "rs", func(name string, c bson.M) any {
		if c["find"] == "view_notes_1" {
			return found(bson.D{{Key: "_id", Value: "a"}, {Key: "position", Value: int64(8)}},
				bson.D{{Key: "_id", Value: "b"}, {Key: "position", Value: int64(6)}})
		}
		return nil
	})
	require.NoError(t, s.Commit(t.Context(), twoNotes()))
	updates := w.sent("update")
	require.Equal(t, "view_notes_1", updates[0]["update"])
	require.Len(t, updates[0]["updates"], 1)
	require.Equal(t, bson.E{Key: "q", Value: bson.D{{Key: "_id", Value: "b"}}}, updates[0]["updates"].(bson.A)[0].(bson.D)[0])
}

// refused is the answer to two writes of which one hits a duplicate key.
func refused(index int) bson.D {
	return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 1}, {Key: "nModified", Value: 1}, {Key: "writeErrors", Value: bson.A{
		bson.D{{Key: "index", Value: index}, {Key: "code", Value: 11000}, {Key: "errmsg", Value: "scripted"}},
	}}}
}

// Two nodes that insert the same id at once: whoever is refused may still have the newer document.
func TestARefusedInsertionIsTriedAsAnUpdate(t *testing.T) {
	s, w := opened(t, "", func(_ string, c bson.M) any {
		if updates, ok := c["updates"].(bson.A); ok && len(updates) == 2 {
			return refused(1)
		}
		return nil
	})
	require.NoError(t, s.Commit(t.Context(), twoNotes()))
	sent := w.sent("update")
	require.Equal(t, []string{"checkpoints", "view_notes_1", "view_notes_1", "checkpoints"}, collections(sent))
	again := sent[2]["updates"].(bson.A)
	require.Len(t, again, 1)
	require.Equal(t, bson.D{
		{Key: "_id", Value: "b"}, {Key: "position", Value: bson.D{{Key: "$lte", Value: int64(6)}}},
	}, again[0].(bson.D)[0].Value)
	require.Contains(t, again[0].(bson.D), bson.E{Key: "upsert", Value: false})
}

// once answers the first command of that name with the document and lets all others pass.
func once(command string, answer any) func(string, bson.M) any {
	done := false
	return func(name string, _ bson.M) any {
		if name != command || done {
			return nil
		}
		done = true
		return answer
	}
}

func TestACommitIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		set    string
		script func(string, bson.M) any
		starts int
	}{
		"after a write conflict":                {"rs", once("update", failed(112, "TransientTransactionError")), 2},
		"after another node's insertion":        {"rs", once("update", refused(0)), 2},
		"after a lost connection":               {"rs", once("update", hangUp{}), 2},
		"after an unknown result of the commit": {"rs", once("commitTransaction", hangUp{}), 1},
		"after a new election":                  {"rs", once("find", failed(10107, "TransientTransactionError")), 2},
		"without transactions, lost":            {"", once("update", hangUp{}), 0},
		"without transactions, shutting down":   {"", once("update", failed(11600)), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, w := opened(t, c.set, c.script)
			require.NoError(t, s.Commit(t.Context(), twoNotes()))
			starts := 0
			for _, c := range w.sent("find", "update") {
				if c["startTransaction"] == true {
					starts++
				}
			}
			require.Equal(t, c.starts, starts)
			last := w.sent("update")
			require.Equal(t, "checkpoints", last[len(last)-1]["update"])
		})
	}
}

func TestReadsAreTriedAgainWithinBounds(t *testing.T) {
	t.Run("a lost connection", func(t *testing.T) {
		t.Parallel()
		s, _ := opened(t, "rs", once("find", hangUp{}))
		_, _, err := s.Checkpoint(t.Context(), notes.Name, 1)
		require.NoError(t, err)
	})
	t.Run("a server that never answers", func(t *testing.T) {
		t.Parallel()
		w := newWireServer(t, "", func(name string, _ bson.M) any {
			if name == "find" {
				return silent{}
			}
			return nil
		})
		s := connect(t, w.uri(), func(c *mongo.Config) { c.AttemptTimeout = 100 * time.Millisecond; c.RetryFor = 400 * time.Millisecond })
		start := time.Now()
		_, _, err := s.Checkpoint(t.Context(), notes.Name, 1)
		require.ErrorIs(t, err, readmodels.ErrUnavailable)
		require.Less(t, time.Since(start), 3*time.Second)
		require.Greater(t, len(w.sent("find")), 1)
	})
	t.Run("no server", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		s := connect(t, "mongodb://"+l.Addr().String(), func(c *mongo.Config) {
			c.AttemptTimeout, c.RetryFor = 200*time.Millisecond, 500*time.Millisecond
		})
		require.ErrorIs(t, s.Ping(t.Context()), readmodels.ErrUnavailable)
		_, _, err = s.Live(t.Context(), "notes")
		require.ErrorIs(t, err, readmodels.ErrUnavailable)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, _, err = s.Live(ctx, "notes")
		require.ErrorIs(t, err, context.DeadlineExceeded, "whoever gives up is not told that the store did")
	})
	t.Run("a refusal", func(t *testing.T) {
		t.Parallel()
		s, w := opened(t, "", once("find", failed(13)))
		_, _, err := s.Checkpoint(t.Context(), notes.Name, 1)
		require.Error(t, err)
		require.NotErrorIs(t, err, readmodels.ErrUnavailable)
		require.Len(t, w.sent("find"), 1, "what is not allowed is not tried again")
	})
}

func TestAPageBehindACursorIsTwoWalksAlongTheIndex(t *testing.T) {
	s, w := opened(t, "", func(_ string, c bson.M) any {
		if c["find"] == "views" {
			return found(bson.D{{Key: "_id", Value: "notes@1"}})
		}
		return nil
	})
	_, err := notes.Find(t.Context(), s, readmodels.Query{
		Equal: map[string]any{"owner": "o"}, Sort: "rank", Desc: true, From: 2, To: 9,
		After: &readmodels.Key{Value: int64(5), ID: "x"}, Limit: 20,
	})
	require.NoError(t, err)
	sent := w.sent("find")
	require.Len(t, sent, 3, "two walks, and whether the view is still there, since nothing was found")
	for _, c := range sent[:2] {
		require.Equal(t, "by_owner_rank", c["hint"])
	}
	d := func(kv ...any) bson.D {
		doc := bson.D{}
		for i := 0; i < len(kv); i += 2 {
			doc = append(doc, bson.E{Key: kv[i].(string), Value: kv[i+1]})
		}
		return doc
	}
	require.Equal(t, d("f.owner", "o", "f.rank", d("$gte", int64(2), "$lte", int64(5), "$eq", int64(5)), "_id", d("$lt", "x")), sent[0]["filter"])
	require.Equal(t, d("_id", int32(-1)), sent[0]["sort"])
	require.Equal(t, d("f.owner", "o", "f.rank", d("$gte", int64(2), "$lt", int64(5))), sent[1]["filter"])
	require.Equal(t, d("f.rank", int32(-1), "_id", int32(-1)), sent[1]["sort"])
}

func TestConfigurationFaultsAreToldTogether(t *testing.T) {
	_, err := mongo.New(mongo.Config{ChunkSize: -1})
	require.ErrorContains(t, err, "connection string")
	require.ErrorContains(t, err, "database")
	require.ErrorContains(t, err, "chunk size")
	_, err = mongo.New(mongo.Config{URI: "postgres://x", Database: "d"})
	require.Error(t, err)
}
