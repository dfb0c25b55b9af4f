package main

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"zhiping/infra/clamd/clamdtest"
)

// infected is a whole PDF with a marker in a comment.
func infected(marker string) []byte { return append(pdf("note"), "% "+marker+"\n"...) }

// scanning starts a server with a declaration that takes attachments.
func scanning(t *testing.T, flags ...string) (s *server, person *caller, id string) {
	t.Helper()
	s = start(t, t.TempDir(), append([]string{"--demo"}, flags...)...)
	d := definitionOf(t, "grade3.assessment")
	person = s.as("applicant")
	bind(person, s.as("unit"), university)
	id = begin(person, d)
	complete(person, d, id)
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
	stored := inBucket(t, filepath.Join(s.data, "blobs"))
	refused := person.upload(id, "term_proof", "", "proof.pdf", infected(clamdtest.Marker))
	if refused.status != http.StatusUnprocessableEntity || refused.str("code") != "upload_infected" || !strings.Contains(string(refused.raw), "Test.Marker") {
		t.Fatalf("%d %s", refused.status, refused.raw)
	}
	if n := inBucket(t, filepath.Join(s.data, "blobs")); n != stored {
		t.Fatalf("%d files in the bucket, want %d as before", n, stored)
	}
	if clean := person.upload(id, "term_proof", "", "proof.pdf", infected("harmless")); clean.status != http.StatusCreated {
		t.Fatalf("%d %s", clean.status, clean.raw)
	}
}

func TestAttachmentsWhileTheScannerIsAway(t *testing.T) {
	t.Parallel()
	t.Run("are refused where the scan is required", func(t *testing.T) {
		s := start(t, t.TempDir(), "--demo", "--clamd", nobody(t))
		d := definitionOf(t, "grade3.assessment")
		person := s.as("applicant")
		bind(person, s.as("unit"), university)
		id := begin(person, d)
		person.want(http.StatusOK, "", "PUT", "/declarations/"+id+"/modules/term", []byte(`{}`))
		refused := person.upload(id, "term_proof", "", "proof.pdf", pdf("note"))
		if refused.status != http.StatusServiceUnavailable || refused.str("code") != "virus_scan_unavailable" || refused.header.Get("Retry-After") == "" {
			t.Fatalf("%d %s, Retry-After %q", refused.status, refused.raw, refused.header.Get("Retry-After"))
		}
		if n := inBucket(t, filepath.Join(s.data, "blobs")); n != 0 {
			t.Fatalf("%d files in the bucket", n)
		}
	})
	t.Run("are taken and logged where it is not", func(t *testing.T) {
		s, _, _ := scanning(t, "--clamd", nobody(t), "--no-clamd-required")
		s.eventually("told in the log", func() bool { return strings.Contains(s.log.String(), "content is taken without a virus scan") })
	})
}
