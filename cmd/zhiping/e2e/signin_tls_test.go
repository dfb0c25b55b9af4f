package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/cmd/zhiping/internal/node"
)

// certificate writes a pair for 127.0.0.1 with a serial number, and answers what a client trusts it by.
func certificate(t *testing.T, cert, key string, serial int64) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

func TestHTTPSWithACertificateThatIsRenewed(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := certificate(t, cert, key, 1)
	s := world.Start(t, filepath.Join(dir, "data"), "--demo", "--tls-cert", cert, "--tls-key", key)
	address := strings.TrimPrefix(s.URL, "https://")
	dial := func(cfg *tls.Config) (*tls.Conn, error) {
		c, err := (&tls.Dialer{Config: cfg}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return nil, err
		}
		return c.(*tls.Conn), nil
	}
	c, err := dial(&tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"account":"applicant","password":"` + demo.Password + `"}`
	answer := exchange(t, c, "POST /api/v1/auth/login HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: "+itoa(len(body))+"\r\n\r\n"+body)
	for _, want := range []string{"200 OK", "Strict-Transport-Security: max-age=", "Set-Cookie: __Host-zhiping_session=", "path=/; HttpOnly; secure; SameSite=Lax"} {
		if !strings.Contains(answer, want) {
			t.Errorf("no %q in %s", want, answer)
		}
	}
	if _, err := dial(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was taken")
	}
	renewed := certificate(t, cert, key, 2)
	s.Eventually("the renewed certificate is in use", func() bool {
		c, err := dial(&tls.Config{RootCAs: renewed})
		return err == nil && c.ConnectionState().PeerCertificates[0].SerialNumber.Int64() == 2
	})
}

func itoa(n int) string { return big.NewInt(int64(n)).String() }

// exchange sends a request as it is and reads until the other side ends.
func exchange(t *testing.T, c net.Conn, request string) string {
	t.Helper()
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// The audit trail shows the client that a trusted proxy names, and nobody else's word for it.
func TestTheClientBehindAProxyIsKnown(t *testing.T) {
	t.Parallel()
	audited := func(s *world.Server, forwarded string) string {
		t.Helper()
		person, auditor := s.As("applicant"), s.As("auditor")
		person.Do("DELETE", "/bindings/current", nil)
		a := person.Want(201, "", "POST", "/bindings", map[string]any{"uscc": world.University}, "X-Forwarded-For", forwarded)
		entries := auditor.After(a.Header.Get("X-Position"), "/bindings/"+person.Want(200, "", "GET", "/me", nil).Str("id")+"/audit?limit=200").Items("items")
		ip, _ := entries[len(entries)-1]["ip"].(string)
		return ip
	}
	behind := world.Start(t, t.TempDir(), "--demo", "--trusted-proxies", "127.0.0.0/8,10.0.0.0/8", "--base-url", "https://zhiping.example")
	signsInForTLSOnly(t, behind)
	for forwarded, want := range map[string]string{
		"203.0.113.9":                         "203.0.113.9",
		"198.51.100.1, 203.0.113.9, 10.1.1.1": "203.0.113.9",
		"nonsense, 10.1.1.1":                  "10.1.1.1",
		"":                                    "127.0.0.1",
	} {
		if got := audited(behind, forwarded); got != want {
			t.Errorf("%q: %s, want %s", forwarded, got, want)
		}
	}
	behind.Stop()
	if got := audited(world.Start(t, t.TempDir(), "--demo"), "203.0.113.9"); got != "127.0.0.1" {
		t.Errorf("a stranger was believed: %s", got)
	}
}

// signsInForTLSOnly: behind a proxy that ends TLS, the cookie is for TLS only and this site's own, and no other is taken.
func signsInForTLSOnly(t *testing.T, s *world.Server) {
	t.Helper()
	nobody := &world.Caller{Server: s}
	in := nobody.Want(200, "", "POST", "/auth/login", map[string]any{"account": "applicant", "password": demo.Password})
	cookie := in.Header.Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-zhiping_session=") || !strings.Contains(cookie, "path=/; HttpOnly; secure") || strings.Contains(cookie, "domain") || in.Header.Get("Strict-Transport-Security") == "" {
		t.Fatalf("%q %v", cookie, in.Header)
	}
	token := in.Str("accessToken")
	nobody.Want(200, "", "GET", "/me", nil, "Cookie", "__Host-zhiping_session="+token)
	nobody.Want(401, "", "GET", "/me", nil, "Cookie", "zhiping_session="+token)
	out := nobody.Want(204, "", "POST", "/auth/logout", nil, "Cookie", "__Host-zhiping_session="+token, "X-CSRF-Token", in.Str("csrfToken"))
	if gone := out.Header.Get("Set-Cookie"); !strings.HasPrefix(gone, "__Host-zhiping_session=;") || !strings.Contains(gone, "secure") || !strings.Contains(gone, "path=/") {
		t.Fatalf("%q is heeded by no browser", gone)
	}
	a := nobody.Want(200, "", "POST", "/auth/qr", nil)
	if cookie := a.Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "__Host-zhiping_qr=") {
		t.Fatalf("%q", cookie)
	}
	if url := a.Str("url"); !strings.HasPrefix(url, "https://zhiping.example/qr/") {
		t.Fatalf("a phone cannot open %q", url)
	}
}

// A QR code names an address that can be opened, or there is none.
func TestQRCodesNameAnAddressOrThereAreNone(t *testing.T) {
	s, _ := world.StartInProcess(t)
	nobody := &world.Caller{Server: s}
	if a := nobody.Want(200, "", "POST", "/auth/qr", nil); !strings.HasPrefix(a.Str("url"), s.URL+"/qr/") {
		t.Fatalf("%s", a.Raw)
	}
	if a := nobody.Want(200, "", "GET", "/auth/methods", nil); !strings.Contains(string(a.Raw), `"qr"`) {
		t.Fatalf("%s", a.Raw)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certificate(t, cert, key, 1)
	n, err := node.Open(t.Context(), &node.Options{Addr: "0.0.0.0:0", Data: dir, Demo: true, Roles: "all", TLSCert: cert, TLSKey: key}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for request, want := range map[*http.Request]string{
		httptest.NewRequest("GET", "/api/v1/auth/methods", nil): `"methods":["password"]`,
		httptest.NewRequest("POST", "/api/v1/auth/qr", nil):     `"code":"no_qr"`,
	} {
		res, err := n.API.App().Test(request, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s: %s", request.URL, raw)
		}
	}
}

// The program ends before it opens anything.
func TestServingOthersWithoutTLSIsRefusedAtTheStart(t *testing.T) {
	err := world.Run(context.Background(), []string{"serve", "--addr", "0.0.0.0:0", "--data", t.TempDir()}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "--trusted-proxies") {
		t.Fatalf("%v", err)
	}
}
