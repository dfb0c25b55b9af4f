package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/infra/identity/sender"
)

// A code travels to the SMS gateway, signed, and lets its receiver register.
func TestCodesGoToTheGateway(t *testing.T) {
	const secret = "sixteen bytes at least"
	codes := make(chan string, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var m struct {
			Phone, Kind string
			Args        map[string]any
		}
		if err != nil || json.Unmarshal(body, &m) != nil || m.Phone != "13900000002" || m.Kind != "code.register" ||
			r.Header.Get("X-Zhiping-Signature") != "v1="+sender.Sign([]byte(secret), r.Header.Get("X-Zhiping-Timestamp"), body) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		code, _ := m.Args["code"].(string)
		codes <- code
	}))
	defer gateway.Close()
	s := world.Start(t, t.TempDir(), "--demo", "--sms-webhook", gateway.URL, "--sms-secret", secret)
	nobody := &world.Caller{Server: s}
	nobody.Want(202, "", "POST", "/auth/codes", map[string]any{"phone": "13900000002", "purpose": "register"})
	nobody.Want(201, "", "POST", "/auth/register", map[string]any{"phone": "13900000002", "code": <-codes,
		"password": "correct horse 电池", "name": "赵新", "idNumber": "22010219010101003X"})
	if strings.Contains(s.Log.String(), secret) {
		t.Fatal("the gateway's secret is in the log")
	}
}
