package clamd

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
)

// Whatever comes back over the connection, content passes for clean by one answer only, and for infected with a name.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"stream: OK\x00", "stream: Win.Test.EICAR_HDB-1 FOUND\x00", "stream:  FOUND\x00", "stream: OK", "stream: OK\n\x00", "stream: OK\x00stream: X FOUND\x00", " FOUND\x00",
		"stream: OK FOUND\x00", "INSTREAM size limit exceeded. ERROR\x00", "\x00", "", strings.Repeat("x", maxReply+1),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Write(sent)
			_ = there.Close()
		}()
		reply, err := receive(context.Background(), here)
		_, _ = io.Copy(io.Discard, here)
		_ = here.Close()
		if err != nil {
			return
		}
		virus, err := read(reply)
		first, _, ended := strings.Cut(string(sent), "\x00")
		if !ended || len(first) > maxReply {
			t.Fatalf("%q has no end, and says %q", sent, reply)
		}
		if clean := err == nil && virus == ""; clean && strings.TrimRight(first, "\n") != "stream: OK" {
			t.Fatalf("%q passes for clean", sent)
		}
		if virus != "" && !strings.Contains(first, virus+" FOUND") {
			t.Fatalf("%q found in %q", virus, sent)
		}
	})
}
