package sender_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain/text"
	"zhiping/infra/identity/sender"
)

var (
	at      = func() time.Time { return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) }
	message = sender.Message{
		ID: "m/../1", Phone: "13800000002", Kind: "code.register", Subject: text.Same("Code\r\nBcc: x@example.org"),
		Body: text.Text{ZH: "验证码 123456", EN: "code 123456"}, Args: text.Args{"code": "123456"},
	}
)

func TestTheOutboxKeepsOneFileAMessage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "outbox")
	require.NoError(t, sender.Outbox{Dir: dir, Clock: at}.Send(t.Context(), message))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Equal(t, "20260302T080000.000000000Z-code.register-m_.._1.json", files[0].Name())
	info, err := files[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	data, err := os.ReadFile(filepath.Join(dir, files[0].Name()))
	require.NoError(t, err)
	require.Contains(t, string(data), "验证码 123456")
}

func TestTheWebhookSignsWhatItPosts(t *testing.T) {
	secret := []byte("0123456789abcdef")
	status := http.StatusAccepted
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("X-Zhiping-Signature") != "v1="+sender.Sign(secret, r.Header.Get("X-Zhiping-Timestamp"), body) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		var got map[string]any
		if json.Unmarshal(body, &got) != nil || got["phone"] != message.Phone || r.Header.Get("Idempotency-Key") != message.ID {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	defer srv.Close()
	hook, err := sender.NewWebhook(srv.URL, secret, nil, at)
	require.NoError(t, err)
	require.NoError(t, hook.Send(t.Context(), message))
	for _, bad := range []int{http.StatusInternalServerError, http.StatusFound} {
		status = bad
		err := hook.Send(t.Context(), message)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "123456")
	}
	foreign, err := sender.NewWebhook(srv.URL, []byte("another secret, as long"), nil, at)
	require.NoError(t, err)
	require.ErrorContains(t, foreign.Send(t.Context(), message), "403")
}

func TestTheWebhookRefusesWhatWouldLeakCodes(t *testing.T) {
	for _, address := range []string{"http://sms.example.org/send", "ftp://localhost", "://", ""} {
		_, err := sender.NewWebhook(address, []byte("0123456789abcdef"), nil, nil)
		require.Error(t, err, address)
	}
	_, err := sender.NewWebhook("https://sms.example.org/send", []byte("short"), nil, nil)
	require.Error(t, err)
}

func TestMailReachesAnSMSGateway(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer lis.Close() //nolint:errcheck // test
	received := make(chan string, 1)
	go serveMail(lis, received)
	port := lis.Addr().(*net.TCPAddr).Port
	s, err := sender.NewSMTP(sender.SMTPConfig{Host: "127.0.0.1", Port: port, From: "职评 <noreply@example.org>", Gateway: "sms.example.org", TLS: "none", Clock: at})
	require.NoError(t, err)
	require.NoError(t, s.Send(t.Context(), message))
	got := <-received
	require.Contains(t, got, "RCPT TO:<13800000002@sms.example.org>")
	require.NotContains(t, got, "\nBcc:")
	require.Contains(t, got, "123456")

	require.ErrorIs(t, s.Send(t.Context(), sender.Message{}), sender.ErrNoAddress)
	require.Error(t, s.Send(t.Context(), sender.Message{Email: "a@example.org>\r\nRCPT TO:<b@example.org"}))
	_, err = sender.NewSMTP(sender.SMTPConfig{Host: "127.0.0.1", From: "a@example.org", Username: "a", Password: "b", TLS: "none"})
	require.ErrorContains(t, err, "without TLS")
}

// serveMail speaks as much SMTP as one message needs.
func serveMail(lis net.Listener, received chan<- string) {
	conn, err := lis.Accept()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // test
	say := func(s string) { _, _ = io.WriteString(conn, s+"\r\n") }
	say("220 test")
	var all strings.Builder
	data := false
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				all.WriteString(err.Error())
			}
			received <- all.String()
			return
		}
		all.WriteString(line)
		switch verb := strings.ToUpper(strings.TrimSpace(line)); {
		case data && verb == ".":
			data = false
			say("250 ok")
		case data:
		case strings.HasPrefix(verb, "EHLO"):
			say("250 test")
		case verb == "DATA":
			data = true
			say("354 go")
		case verb == "QUIT":
			say("221 bye")
			received <- all.String()
			return
		default:
			say("250 ok")
		}
	}
}
