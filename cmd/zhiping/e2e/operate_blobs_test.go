package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zhiping/cmd/zhiping/e2e/world"
)

// aged makes everything in the bucket look as if it had been stored long ago.
func aged(t *testing.T, dir string) {
	t.Helper()
	long := time.Now().Add(-48 * time.Hour)
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, long, long)
	}); err != nil {
		t.Fatal(err)
	}
}

// orphans puts content into the bucket that no event names, as a crash between storing and appending leaves it.
func orphans(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range n {
		content := []byte(fmt.Sprint("orphan ", i))
		sum := sha256.Sum256(content)
		sha := hex.EncodeToString(sum[:])
		if err := os.MkdirAll(filepath.Join(dir, sha[:2]), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, sha[:2], sha), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func inBucket(t *testing.T, dir string) (n int) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && len(d.Name()) == 64 {
			n++
		}
		return nil // a file may be gone by the time it is looked at
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestGarbageIsCollectedWhileServing(t *testing.T) {
	data := t.TempDir()
	s := world.Start(t, data, "--demo")
	d := world.Definition(t, "grade3.assessment")
	person := s.As("applicant")
	world.Bind(person, s.As("unit"), world.University)
	id := world.StartDeclaration(person, d)
	world.FillIn(person, d, id)
	files := person.Want(http.StatusOK, "", "GET", "/declarations/"+id, nil).Items("attachments")
	path := "/declarations/" + id + "/attachments/" + fmt.Sprint(files[0]["id"])
	content := person.Want(http.StatusOK, "", "GET", path, nil).Raw
	// What was removed from the form is still named by its events, which the audit trail shows.
	person.Want(http.StatusOK, "", "DELETE", "/declarations/"+id+"/attachments/"+fmt.Sprint(files[1]["id"]), nil)

	bucket := filepath.Join(data, "blobs")
	named := inBucket(t, bucket)
	const garbage = 400
	orphans(t, bucket, garbage)
	aged(t, bucket)
	gc := func(want string, flags ...string) {
		t.Helper()
		var out bytes.Buffer
		if err := world.Run(context.Background(), append([]string{"blobs", "gc", "--data", data}, flags...), &out, &out); err != nil || !strings.Contains(out.String(), want) {
			t.Fatalf("%v: %s, want %s", err, out.String(), want)
		}
	}
	gc(fmt.Sprintf("named by events: %d (", named), "--dry-run")
	gc(fmt.Sprintf("would delete: %d (", garbage), "--dry-run")
	gc("would delete: 0 (", "--dry-run", "--grace", "72h")

	// Killed in its middle, it has lost nothing, and the next one goes on.
	program, err := world.Binary()
	if err != nil {
		t.Fatal(err)
	}
	killed := exec.Command(program, "blobs", "gc", "--data", data)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	s.Eventually("deleting", func() bool { return inBucket(t, bucket) < named+garbage })
	_ = killed.Process.Kill()
	_ = killed.Wait()
	left := inBucket(t, bucket) - named
	t.Logf("killed with %d of %d left", left, garbage)
	gc(fmt.Sprintf("deleted: %d (", left))
	if n := inBucket(t, bucket); n != named {
		t.Fatalf("%d files in the bucket, want the %d that events name", n, named)
	}
	if again := person.Want(http.StatusOK, "", "GET", path, nil).Raw; !bytes.Equal(again, content) {
		t.Fatal("an attachment has changed")
	}
	s.Stop()
	gc("deleted: 0 (") // without a server too

	// A bucket of another installation is left alone.
	other := t.TempDir()
	orphans(t, filepath.Join(other, "blobs"), 3)
	aged(t, filepath.Join(other, "blobs"))
	var out bytes.Buffer
	if err := world.Run(context.Background(), []string{"blobs", "gc", "--data", other}, &out, &out); err == nil || inBucket(t, filepath.Join(other, "blobs")) != 3 {
		t.Fatalf("%v: %s", err, out.String())
	}
}
