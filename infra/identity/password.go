package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// A hasher computes argon2id, a bounded number at a time: a flood of sign-ins waits, and past the queue is turned
// away, instead of taking memory for each of them.
type hasher struct {
	argon   Argon2
	key     []byte
	rand    io.Reader
	slots   chan struct{}
	waiting atomic.Int64
	done    atomic.Int64 // hashes computed so far
}

func newHasher(a Argon2, key []byte, rand io.Reader) *hasher {
	return &hasher{argon: a, key: key, rand: rand, slots: make(chan struct{}, a.Concurrent)}
}

const saltBytes, hashBytes = 16, 32

// hash makes the stored form of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(h.rand, salt); err != nil {
		return "", fmt.Errorf("identity: random bytes: %w", err)
	}
	sum, err := h.compute(ctx, password, stored{argon: h.argon, salt: salt, sum: make([]byte, hashBytes)})
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.argon.Memory, h.argon.Time, h.argon.Threads, b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// verify tells whether the password is the stored one, and whether its hash was made with other costs than today's.
// With no stored hash it does the same work and says no.
func (h *hasher) verify(ctx context.Context, password, encoded string) (ok, stale bool, err error) {
	s, parseErr := parseStored(encoded)
	if parseErr != nil {
		s = stored{argon: h.argon, salt: make([]byte, saltBytes), sum: make([]byte, hashBytes)}
	}
	sum, err := h.compute(ctx, password, s)
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(sum, s.sum) == 1 && parseErr == nil
	a, b := s.argon, h.argon
	return ok, a.Memory != b.Memory || a.Time != b.Time || a.Threads != b.Threads, nil
}

func (h *hasher) compute(ctx context.Context, password string, s stored) ([]byte, error) {
	if h.waiting.Add(1) > int64(h.argon.Queue+h.argon.Concurrent) {
		h.waiting.Add(-1)
		return nil, after(ErrBusy, time.Second)
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.slots }()
	h.done.Add(1)
	// The keyed hash makes a stolen database useless for guessing without the key.
	keyed := hmac.New(sha256.New, h.key)
	keyed.Write([]byte(norm.NFKC.String(password)))
	return argon2.IDKey(keyed.Sum(nil), s.salt, s.argon.Time, s.argon.Memory, s.argon.Threads, uint32(len(s.sum))), nil // #nosec G115 -- at most 64
}

// stored is a parsed hash.
type stored struct {
	argon     Argon2
	salt, sum []byte
}

var errStored = errors.New("identity: not a stored password")

// parseStored reads the usual text form of an argon2id hash, with costs that cannot take the machine down.
func parseStored(encoded string) (stored, error) {
	var s stored
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return s, errStored
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &s.argon.Memory, &s.argon.Time, &s.argon.Threads); err != nil {
		return s, errStored
	}
	var err1, err2 error
	s.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	s.sum, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	a := s.argon
	if err1 != nil || err2 != nil || a.Time < 1 || a.Time > 16 || a.Threads < 1 || a.Memory < 8 || a.Memory > 1<<20 ||
		len(s.salt) < 8 || len(s.salt) > 64 || len(s.sum) < 16 || len(s.sum) > 64 {
		return s, errStored
	}
	return s, nil
}
