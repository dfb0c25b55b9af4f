//go:build long

package e2e

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
)

// eicar is the file that every scanner takes for infected (eicar.org), put together here so that scanners of
// repositories do not.
const eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// Against ClamAV itself, with a signature of our own, since its database comes from the internet.
func TestAttachmentsAreScannedByClamAV(t *testing.T) {
	program, err := exec.LookPath("clamd")
	if err != nil {
		t.Skip("clamd is not installed (Debian: clamav-daemon)")
	}
	dir, err := os.MkdirTemp("", "clamd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, conf := filepath.Join(dir, "s"), filepath.Join(dir, "clamd.conf")
	for name, content := range map[string]string{
		// A pattern (EICAR-STANDARD-ANTIVIRUS) at any place of a file of any type.
		"own.ndb":    "Test.Eicar:0:*:45494341522d5354414e444152442d414e544956495255532d\n",
		"clamd.conf": "LocalSocket " + socket + "\nDatabaseDirectory " + dir + "\nForeground yes\nStreamMaxLength 6M\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	clamav := exec.Command(program, "-c", conf)
	clamav.Stdout, clamav.Stderr = os.Stderr, os.Stderr
	if err := clamav.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { _ = clamav.Process.Kill(); _ = clamav.Wait() }
	t.Cleanup(stop)
	(&world.Server{T: t, Log: &world.Log{}}).Eventually("clamd listening", func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	_, person, id := scanning(t, "--clamd", "unix://"+socket)
	refused := person.Upload(id, "term_proof", "", "proof.pdf", infected(eicar))
	if refused.Status != http.StatusUnprocessableEntity || refused.Str("code") != "upload_infected" {
		t.Fatalf("%d %s", refused.Status, refused.Raw)
	}
	large := append(world.PDF("large"), make([]byte, 4<<20)...)
	large = append(large, world.PDF("large")...)
	if clean := person.Upload(id, "term_proof", "", "proof.pdf", large); clean.Status != http.StatusCreated {
		t.Fatalf("%d %s", clean.Status, clean.Raw)
	}
	stop()
	away := person.Upload(id, "term_proof", "", "proof.pdf", world.PDF("after"))
	if away.Status != http.StatusServiceUnavailable || away.Str("code") != "virus_scan_unavailable" {
		t.Fatalf("%d %s", away.Status, away.Raw)
	}
}
