package sender

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"zhiping/domain/text"
)

// Webhook posts messages to an SMS gateway, or to the few lines of glue before one, as signed JSON.
//
// The signature is HMAC-SHA256 over "<timestamp>.<body>" in hexadecimal, in X-Zhiping-Signature as "v1=<hex>", and
// the timestamp, in Unix seconds, in X-Zhiping-Timestamp; a receiver refuses timestamps that are more than five
// minutes old. Idempotency-Key is the message's id and the same in every retry. Any 2xx status is success.
type Webhook struct {
	url    string
	secret []byte
	client *http.Client
	clock  func() time.Time
}

// NewWebhook checks the address, which is https except on this machine, and the secret, which has 16 bytes at least.
// The client and the clock may be nil.
func NewWebhook(address string, secret []byte, client *http.Client, clock func() time.Time) (*Webhook, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("webhook: the address is not a URL")
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, errors.New("webhook: one-time codes are posted over https only")
	}
	if len(secret) < 16 {
		return nil, errors.New("webhook: the secret needs 16 bytes at least")
	}
	if client == nil {
		client = &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a code goes to nobody else
		}
	}
	if clock == nil {
		clock = time.Now
	}
	return &Webhook{url: address, secret: secret, client: client, clock: clock}, nil
}

type payload struct {
	ID    string    `json:"id"`
	Phone string    `json:"phone,omitempty"`
	Email string    `json:"email,omitempty"`
	Kind  string    `json:"kind"`
	Text  text.Text `json:"text"`
	Args  text.Args `json:"args,omitempty"`
	SentA string    `json:"sentAt"`
}

// Send posts one message.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	now := w.clock().UTC()
	body, err := json.Marshal(payload{m.ID, m.Phone, m.Email, m.Kind, m.Body, m.Args, now.Format(time.RFC3339)})
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("webhook: the request cannot be made")
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", m.ID)
	req.Header.Set("X-Zhiping-Timestamp", stamp)
	req.Header.Set("X-Zhiping-Signature", "v1="+Sign(w.secret, stamp, body))
	res, err := w.client.Do(req)
	if err != nil {
		var ue *url.Error // names the address, which may hold a key of the gateway
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return fmt.Errorf("webhook: %w", err)
	}
	defer res.Body.Close()                                      //nolint:errcheck // nothing was written to it
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // lets the connection be used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("webhook: the gateway answered %d", res.StatusCode)
	}
	return nil
}

// Sign makes the signature of a body, for receivers written in Go and for tests.
func Sign(secret []byte, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(timestamp + "."))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}
