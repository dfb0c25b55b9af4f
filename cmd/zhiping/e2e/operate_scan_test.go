package e2e

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/infra/clamd/clamdtest"
)

// infected is a whole PDF with a marker in a comment.
func infected(marker string) []byte { return append(world.PDF("note"), "% "+marker+"\n"...) }

// scanning starts a server with a declaration that takes attachments.
func scanning(t *testing.T, flags ...string) (s *world.Server, person *world.Caller, id string) {
	t.Helper()
	s = world.Start(t, t.TempDir(), append([]string{"--demo"}, flags...)...)
	d := world.Definition(t, "grade3.assessment")
	person = s.As("applicant")
	world.Bind(person, s.As("unit"), world.University)
	id = world.StartDeclaration(person, d)
	world.FillIn(person, d, id)
	return s, person, id
}

// nobody is an address that nobody listens at.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "tcp://" + l.Addr().String()
}

func TestInfectedAttachmentsAreRefused(t *testing.T) {
	s, person, id := scanning(t, "--clamd", clamdtest.Serve(t, clamdtest.Found))
	stored := inBucket(t, filepath.Join(s.Data, "blobs"))
	refused := person.Upload(id, "term_proof", "", "proof.pdf", infected(clamdtest.Marker))
	if refused.Status != http.StatusUnprocessableEntity || refused.Str("code") != "upload_infected" || !strings.Contains(string(refused.Raw), "Test.Marker") {
		t.Fatalf("%d %s", refused.Status, refused.Raw)
	}
	if n := inBucket(t, filepath.Join(s.Data, "blobs")); n != stored {
		t.Fatalf("%d files in the bucket, want %d as before", n, stored)
	}
	if clean := person.Upload(id, "term_proof", "", "proof.pdf", infected("harmless")); clean.Status != http.StatusCreated {
		t.Fatalf("%d %s", clean.Status, clean.Raw)
	}
}

func TestAttachmentsWhileTheScannerIsAway(t *testing.T) {
	t.Parallel()
	t.Run("are refused where the scan is required", func(t *testing.T) {
		s := world.Start(t, t.TempDir(), "--demo", "--clamd", nobody(t))
		d := world.Definition(t, "grade3.assessment")
		person := s.As("applicant")
		world.Bind(person, s.As("unit"), world.University)
		id := world.StartDeclaration(person, d)
		person.Want(http.StatusOK, "", "PUT", "/declarations/"+id+"/modules/term", []byte(`{}`))
		refused := person.Upload(id, "term_proof", "", "proof.pdf", world.PDF("note"))
		if refused.Status != http.StatusServiceUnavailable || refused.Str("code") != "virus_scan_unavailable" || refused.Header.Get("Retry-After") == "" {
			t.Fatalf("%d %s, Retry-After %q", refused.Status, refused.Raw, refused.Header.Get("Retry-After"))
		}
		if n := inBucket(t, filepath.Join(s.Data, "blobs")); n != 0 {
			t.Fatalf("%d files in the bucket", n)
		}
	})
	t.Run("are taken and logged where it is not", func(t *testing.T) {
		s, _, _ := scanning(t, "--clamd", nobody(t), "--no-clamd-required")
		s.Eventually("told in the log", func() bool { return strings.Contains(s.Log.String(), "content is taken without a virus scan") })
	})
}
