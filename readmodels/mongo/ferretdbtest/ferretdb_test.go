// Package ferretdbtest runs the contract of the MongoDB adapter against FerretDB, a server of the MongoDB protocol
// that is a Go module, and against a real MongoDB where ZHIPING_TEST_MONGODB names one. It is a module of its own so
// that FerretDB never becomes a dependency of the product.
package ferretdbtest

import (
	"context"
	"crypto/rand"

	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
	"github.com/stretchr/testify/require"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"zhiping/readmodels"
	"zhiping/readmodels/mongo"
	"zhiping/readmodels/storetest"
)

// server starts a FerretDB for the test and answers with its connection string.
func server(t testing.TB) string {
	t.Helper()
	f, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Handler:   "sqlite",
		SQLiteURL: "file:" + t.TempDir() + "/",
		Logger:    slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return f.MongoDBURI()
}

func setup(uri string, chunk, batch int) storetest.Setup {
	databases := map[readmodels.Store]string{}
	at := func(t testing.TB, database string) readmodels.Store {
		s, err := mongo.New(mongo.Config{URI: uri, Database: database, ChunkSize: chunk, RetryFor: time.Second})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
		databases[s] = database
		return s
	}
	return storetest.Setup{
		Open: func(t testing.TB) readmodels.Store {
			database := "zhiping_test_" + rand.Text()[:10]
			t.Cleanup(func() { drop(t, uri, database) })
			return at(t, database)
		},
		Reopen: func(t testing.TB, s readmodels.Store) readmodels.Store {
			require.NoError(t, s.Close(t.Context()))
			return at(t, databases[s])
		},
		Peer:  func(t testing.TB, s readmodels.Store) readmodels.Store { return at(t, databases[s]) },
		Batch: batch,
	}
}

func drop(t testing.TB, uri, database string) {
	ctx := context.Background()
	c, err := driver.Connect(ctx, options.Client().ApplyURI(uri))
	require.NoError(t, err)
	require.NoError(t, c.Database(database).Drop(ctx))
	require.NoError(t, c.Disconnect(ctx))
}

// FerretDB hangs on bulk upserts of hundreds and manages tens a second: hence the small chunks and batches. It looks a
// document up and updates it in two steps.
func TestContractOnFerretDB(t *testing.T) {
	s := setup(server(t), 50, 120)
	s.Torn = true
	storetest.Run(t, s)
}

func TestContractOnMongoDB(t *testing.T) {
	uri := os.Getenv("ZHIPING_TEST_MONGODB")
	if uri == "" {
		t.Skip("ZHIPING_TEST_MONGODB names no server")
	}
	storetest.Run(t, setup(uri, 0, 0))
}
