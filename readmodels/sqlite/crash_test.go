package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
	"zhiping/readmodels/sqlite"
	"zhiping/readmodels/storetest"
)

// crashBatch moves every note to the position, adds one, and deletes an old one.
func crashBatch(position uint64) readmodels.Batch {
	notes := storetest.Notes(1)
	b := readmodels.Batch{Name: "notes", Version: 1, Checkpoint: position}
	for i := range 20 {
		b.Puts = append(b.Puts, notes.Put(fmt.Sprint("n", i), position, &storetest.Note{Owner: "o", Rank: int64(position)}))
	}
	b.Puts = append(b.Puts, notes.Put(fmt.Sprint("x", position), position, &storetest.Note{Owner: "x"}))
	if position > 10 {
		b.Deletes = append(b.Deletes, readmodels.Put{ID: fmt.Sprint("x", position-10), Position: position})
	}
	return b
}

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("ZHIPING_TEST_CRASH"); path != "" {
		if err := commitUntilKilled(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func commitUntilKilled(path string) error {
	ctx := context.Background()
	s, err := sqlite.New(sqlite.Config{Path: path, Readers: 1})
	if err != nil {
		return err
	}
	if err := s.Open(ctx, storetest.Notes(1).Spec()); err != nil {
		return err
	}
	at, _, err := s.Checkpoint(ctx, "notes", 1)
	if err != nil {
		return err
	}
	for position := at + 1; ; position++ {
		if err := s.Commit(ctx, crashBatch(position)); err != nil {
			return err
		}
		fmt.Println(position)
	}
}

func TestDocumentsAndCheckpointAgreeAfterAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "views.db")
	notes := storetest.Notes(1)
	var last uint64
	for range 8 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "ZHIPING_TEST_CRASH="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		acknowledged := last
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan(), "the process got to its first commit")
		kill := time.AfterFunc(rand.N(30*time.Millisecond), func() { _ = cmd.Process.Kill() })
		for ok := true; ok; ok = lines.Scan() {
			_, err := fmt.Sscan(lines.Text(), &acknowledged)
			require.NoError(t, err)
		}
		kill.Stop()
		require.Error(t, cmd.Wait(), "it was killed")

		s := openAt(t, path)
		at, ok, err := s.Checkpoint(t.Context(), "notes", 1)
		require.NoError(t, err)
		require.True(t, ok)
		require.GreaterOrEqual(t, at, acknowledged, "a process that dies loses nothing that was committed")
		docs, err := s.Get(t.Context(), notes.Spec(), "n0", "n7", "n19", fmt.Sprint("x", at), fmt.Sprint("x", at+1), fmt.Sprint("x", at-10))
		require.NoError(t, err)
		require.Len(t, docs, 4)
		for _, d := range docs {
			require.Equal(t, at, d.Position)
		}
		page, err := notes.Find(t.Context(), s, readmodels.Query{Equal: map[string]any{"owner": "o"}, Sort: "rank", From: int64(at), Limit: 50})
		require.NoError(t, err)
		require.Len(t, page.Items, 20)
		require.NoError(t, s.Close(t.Context()))
		last = at
	}
}
