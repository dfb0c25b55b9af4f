// Package clamdtest has a daemon that speaks as much of clamd's protocol as scanning takes, for tests.
package clamdtest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
)

// Marker is what Found finds.
const Marker = "X-INFECTED-FOR-TESTS"

// Found answers as the real daemon does, for content that holds the Marker and for content that does not.
func Found(content []byte) string {
	if bytes.Contains(content, []byte(Marker)) {
		return "stream: Test.Marker FOUND\x00"
	}
	return "stream: OK\x00"
}

// Serve takes content until the test ends and sends what answer makes of it. It answers the daemon's address.
func Serve(t testing.TB, answer func(content []byte) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				if content, ok := take(conn); ok {
					_, _ = io.WriteString(conn, answer(content))
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return "tcp://" + l.Addr().String()
}

// take reads the command and its chunks; ok is false where the protocol is not kept.
func take(r io.Reader) (content []byte, ok bool) {
	command := make([]byte, len("zINSTREAM\x00"))
	if _, err := io.ReadFull(r, command); err != nil || string(command) != "zINSTREAM\x00" {
		return nil, false
	}
	for {
		var n uint32
		if err := binary.Read(r, binary.BigEndian, &n); err != nil {
			return nil, false
		}
		if n == 0 {
			return content, true
		}
		chunk := make([]byte, n)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, false
		}
		content = append(content, chunk...)
	}
}
