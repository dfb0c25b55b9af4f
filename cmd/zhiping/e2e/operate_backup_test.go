package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/cmd/zhiping/e2e/world"
)

func zhiping(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := world.Run(t.Context(), args, &out, io.Discard)
	return out.String(), err
}

// A backup is made while people write, and everything that was answered before it began is there after a restore: events,
// accounts with their passwords and roles, and the content of attachments.
func TestABackupUnderLoadIsRestored(t *testing.T) {
	t.Parallel()
	data, folder := t.TempDir(), t.TempDir()
	s := world.Start(t, data, "--demo")
	d := world.Definition(t, "grade3.assessment")
	person := s.As("applicant")
	world.Bind(person, s.As("unit"), world.University)
	id := world.StartDeclaration(person, d)
	world.FillIn(person, d, id)
	nobody := &world.Caller{Server: s}
	nobody.Want(201, "", "POST", "/auth/register", world.Registration(s, "13900000011", "赵新", "22010219010101003X"))
	file := person.Want(200, "", "GET", "/declarations/"+id, nil).Items("attachments")[0]
	content := person.Want(200, "", "GET", fmt.Sprintf("/declarations/%s/attachments/%s", id, file["id"]), nil)

	writing, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var saved, attached atomic.Int64
	for i := range 4 {
		load.Go(func() {
			for n := 0; writing.Err() == nil; n++ {
				if a, err := person.Try(writing, "PUT", "/declarations/"+id+"/modules/basic", fmt.Sprintf(`{"name":"第%d-%d次"}`, i, n)); err == nil && a.Status == 200 {
					saved.Add(1)
				}
				body, kind := upload(n*10 + i)
				if a, err := person.Try(writing, "POST", "/declarations/"+id+"/attachments", body, "Content-Type", kind); err == nil && a.Status == 201 {
					attached.Add(1)
				}
			}
		})
	}
	backup := filepath.Join(folder, "backup")
	out, err := zhiping(t, "backup", "--data", data, "--to", backup)
	stop()
	load.Wait()
	require.NoError(t, err, out)
	require.Positive(t, saved.Load(), "nothing was written meanwhile")
	require.Positive(t, attached.Load(), "nothing was attached meanwhile")
	require.Contains(t, out, "sound")
	_, err = zhiping(t, "backup", "--data", data, "--to", backup)
	require.ErrorContains(t, err, "not empty")
	s.Stop()

	restored := filepath.Join(folder, "restored")
	out, err = zhiping(t, "restore", "--from", backup, "--data", restored)
	require.NoError(t, err, out)
	_, err = zhiping(t, "restore", "--from", backup, "--data", restored)
	require.ErrorContains(t, err, "not empty")
	again := world.Start(t, restored)
	again.SignIn("13900000011", world.GoodPassword)
	require.Equal(t, []string{"auditor"}, world.Roles(again.As("auditor")))
	there := again.As("applicant")
	require.Equal(t, content.Raw, there.Want(200, "", "GET", fmt.Sprintf("/declarations/%s/attachments/%s", id, file["id"]), nil).Raw)
	there.Want(200, "", "PUT", "/declarations/"+id+"/modules/basic", `{"name":"之后"}`)
	for _, a := range there.Want(200, "", "GET", "/declarations/"+id, nil).Items("attachments") {
		there.Want(200, "", "GET", fmt.Sprintf("/declarations/%s/attachments/%s", id, a["id"]), nil)
	}
	again.Stop()
}

// upload is a request body with a file of its own, and its media type.
func upload(n int) (body []byte, contentType string) {
	return []byte("--x\r\nContent-Disposition: form-data; name=\"slot\"\r\n\r\nterm_proof\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n" +
		string(world.PDF(fmt.Sprint("upload ", n))) + "\r\n--x--\r\n"), "multipart/form-data; boundary=x"
}

// What is damaged or incomplete is refused, and leaves no data folder behind.
func TestADamagedBackupIsNotRestored(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := world.Start(t, data, "--demo")
	s.Stop()
	for name, damage := range map[string]func(dir string) error{
		"no manifest": func(dir string) error { return os.Remove(filepath.Join(dir, "backup.json")) },
		"a changed key": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "identity.sqlite.key"), []byte(strings.Repeat("5a", 32)), 0o600)
		},
		"no accounts":         func(dir string) error { return os.Remove(filepath.Join(dir, "identity.sqlite")) },
		"a changed event log": func(dir string) error { return os.Truncate(filepath.Join(dir, "events", "events.sqlite"), 8192) },
	} {
		t.Run(name, func(t *testing.T) {
			backup, restored := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
			out, err := zhiping(t, "backup", "--data", data, "--to", backup)
			require.NoError(t, err, out)
			require.NoError(t, damage(backup))
			_, err = zhiping(t, "restore", "--from", backup, "--data", restored)
			require.Error(t, err)
			require.NoDirExists(t, restored)
			require.NoDirExists(t, restored+".restoring")
		})
	}
}

func TestABackupNeedsEveryPart(t *testing.T) {
	t.Parallel()
	_, err := zhiping(t, "backup", "--data", t.TempDir(), "--to", filepath.Join(t.TempDir(), "backup"))
	require.ErrorContains(t, err, "in --data")
}

func TestTheCommandLineRefusesInWords(t *testing.T) {
	t.Parallel()
	out, err := zhiping(t, "--version")
	require.NoError(t, err)
	require.NotEmpty(t, strings.TrimSpace(out))
	_, err = zhiping(t)
	require.ErrorContains(t, err, "--help")
	for _, addr := range []string{"8080", "localhost", "127.0.0.1:http:80", "127.0.0.1:99999999"} {
		_, err = zhiping(t, "serve", "--addr", addr, "--data", t.TempDir())
		require.ErrorContains(t, err, "is not an address and a port", addr)
	}
	out, err = zhiping(t, "serve", "--help")
	require.NoError(t, err)
	require.Contains(t, out, "$ZHIPING_IDENTITY_ARGON2_MEMORY")
	out, err = zhiping(t, "blobs", "gc", "--help")
	require.NoError(t, err)
	require.Contains(t, out, "$ZHIPING_DATA")
	require.NotContains(t, out, "ZHIPING_FORCE")
}

func TestTheEventStoreIsVerifiedInTheDataFolderOfServe(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := world.Start(t, data, "--demo")
	for _, folder := range []string{data, filepath.Join(data, "events")} {
		out, err := zhiping(t, "eventstore", "verify", "--data", folder)
		require.NoError(t, err)
		require.Contains(t, out, "sound")
	}
	require.Contains(t, s.Log.String(), "version=")
	s.Stop()
}
