package e2e

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog"
)

// attaching starts a server with a declaration of a person who may attach to the slot term_proof.
func attaching(t *testing.T, flags ...string) (s *world.Server, person *world.Caller, id string, slot catalog.Slot) {
	t.Helper()
	s = world.Start(t, t.TempDir(), append([]string{"--demo"}, flags...)...)
	d := world.Definition(t, "grade3.assessment")
	person = s.As("applicant")
	world.Bind(person, s.As("unit"), world.University)
	id = world.StartDeclaration(person, d)
	person.Want(http.StatusOK, "", "PUT", "/declarations/"+id+"/modules/term", []byte(`{}`))
	for _, sl := range d.Slots {
		if sl.Key == "term_proof" {
			slot = sl
		}
	}
	return s, person, id, slot
}

func TestASlotTakesSeveralFilesUpToItsLimit(t *testing.T) {
	s, person, id, slot := attaching(t)
	if slot.MaxFiles < 2 {
		t.Fatalf("a slot of %d files", slot.MaxFiles)
	}
	first := ""
	for i := range slot.MaxFiles {
		a := person.Upload(id, slot.Key, "", fmt.Sprintf("%d.pdf", i), world.PDF(fmt.Sprint(i/2))) // every content twice
		if a.Status != http.StatusCreated {
			t.Fatalf("file %d: %d %s", i+1, a.Status, a.Raw)
		}
		if i == 0 {
			first = a.Str("id")
		}
	}
	if n := inBucket(t, filepath.Join(s.Data, "blobs")); n != (slot.MaxFiles+1)/2 {
		t.Errorf("%d files in the bucket for %d contents", n, (slot.MaxFiles+1)/2)
	}
	full := person.Upload(id, slot.Key, "", "more.pdf", world.PDF("more"))
	if full.Status != http.StatusConflict || full.Str("code") != "slot_full" {
		t.Fatalf("%d %s", full.Status, full.Raw)
	}
	person.Want(http.StatusOK, "", "DELETE", "/declarations/"+id+"/attachments/"+first, nil)
	// Two at once for the one place: one gets it.
	statuses := race(t, 2, func() world.Answer { return person.Upload(id, slot.Key, "", "last.pdf", world.PDF("last")) })
	if statuses[0]+statuses[1] != http.StatusCreated+http.StatusConflict {
		t.Fatalf("%v", statuses)
	}
	for _, header := range []string{"multipart/form-data", "application/json"} { // without a boundary, and no form
		person.Want(http.StatusUnsupportedMediaType, "", "POST", "/declarations/"+id+"/attachments", []byte(`{}`), "Content-Type", header)
	}
}

// memory is the most that a process ever held, in MiB.
func memory(t *testing.T, s *world.Server) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	if err != nil {
		t.Skipf("this system does not tell how much memory a process holds: %v", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb >> 10
}

// roomy is the catalog with slots of a gigabyte.
func roomy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	names, err := filepath.Glob("../../../domain/catalog/definitions/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names { // all of them, since the slots are of every type
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		raw = bytes.ReplaceAll(raw, []byte("maxBytes: 5242880"), []byte("maxBytes: 1073741824"))
		raw = regexp.MustCompile(`(?m)^version: .*`).ReplaceAll(raw, []byte("version: 1000"))
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestALargeUploadAndItsDownloadAreStreamed(t *testing.T) {
	s, person, id, slot := attaching(t, "--catalog", roomy(t))
	before := memory(t, s)
	const size = 200 << 20
	body, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		_ = form.WriteField("slot", slot.Key)
		part, _ := form.CreateFormFile("file", "large.pdf")
		document := world.PDF("large")
		line := append([]byte("%"), append(bytes.Repeat([]byte("x"), 1022), '\n')...)
		_, _ = part.Write(document)
		for range size / len(line) {
			if _, err := part.Write(line); err != nil {
				break
			}
		}
		_, _ = part.Write(document) // whole at its end too, where readers begin
		_ = form.Close()
		_ = w.Close()
	}()
	req, err := http.NewRequest("POST", s.URL+"/api/v1/declarations/"+id+"/attachments", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Authorization", "Bearer "+person.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answered, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", res.StatusCode, answered)
	}
	file := person.Want(http.StatusOK, "", "GET", "/declarations/"+id, nil, "X-After-Position", res.Header.Get("X-Position")).Items("attachments")[0]
	req, err = http.NewRequest("GET", s.URL+"/api/v1/declarations/"+id+"/attachments/"+fmt.Sprint(file["id"]), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+person.Token)
	if res, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err != nil || n < size {
		t.Fatalf("%d bytes come back: %v", n, err)
	}
	if grown := memory(t, s) - before; grown > 80 {
		t.Fatalf("the server has grown by %d MiB", grown)
	}
}

// spools is how many uploads the server has open.
func spools(s *world.Server) (n int) {
	dir := fmt.Sprintf("/proc/%d/fd", s.Cmd.Process.Pid)
	open, _ := os.ReadDir(dir)
	for _, f := range open {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && strings.Contains(to, "zhiping-upload-") {
			n++
		}
	}
	return n
}

func TestASenderThatStopsMidwayLeavesNothing(t *testing.T) {
	spool := t.TempDir()
	t.Setenv("TMPDIR", spool)
	s, person, id, slot := attaching(t)
	memory(t, s) // skips where processes cannot be looked into
	half := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /api/v1/declarations/%s/attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"+
			"--b\r\nContent-Disposition: form-data; name=\"slot\"\r\n\r\n%s\r\n"+
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n%s", id, person.Token, slot.Key, append(world.PDF("half"), make([]byte, 200_000)...))
		s.Eventually("receiving", func() bool { return spools(s) == 1 })
		return conn
	}
	clean := func(when string) {
		t.Helper()
		if left, err := os.ReadDir(spool); err != nil || len(left) != 0 {
			t.Fatalf("%s: %v in the spool, %v", when, left, err)
		}
		if n := inBucket(t, filepath.Join(s.Data, "blobs")); n != 0 {
			t.Fatalf("%s: %d files in the bucket", when, n)
		}
	}
	conn := half()
	_ = conn.Close()
	s.Eventually("letting go of the upload", func() bool { return spools(s) == 0 })
	clean("the sender is gone")
	if files := person.Want(http.StatusOK, "", "GET", "/declarations/"+id, nil).Items("attachments"); len(files) != 0 {
		t.Fatalf("%v", files)
	}

	conn = half()
	defer conn.Close()
	s.Kill()
	clean("the server is gone")
	s = world.Start(t, s.Data, "--demo")
	person = s.As("applicant")
	if a := person.Upload(id, slot.Key, "", "a.pdf", world.PDF("half")); a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
}
