package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keys are derived from the pepper, one per purpose, so that a value made for one purpose means nothing in another.
type keys struct {
	blind    []byte // look-up keys of things that must not be readable in the database
	code     []byte
	password []byte
	csrf     []byte
	seal     cipher.AEAD
}

func newKeys(pepper []byte) (keys, error) {
	var err error
	derive := func(purpose string) []byte {
		k, e := hkdf.Key(sha256.New, pepper, nil, "zhiping identity "+purpose, 32)
		err = errors.Join(err, e)
		return k
	}
	k := keys{blind: derive("blind"), code: derive("code"), password: derive("password"), csrf: derive("csrf")}
	sealing := derive("seal")
	if err != nil {
		return keys{}, fmt.Errorf("identity: derive keys: %w", err)
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return keys{}, fmt.Errorf("identity: %w", err)
	}
	k.seal, err = cipher.NewGCM(block)
	return k, err
}

// mac is a keyed hash of parts whose boundaries cannot be moved.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

// sealed encrypts plain; what binds it to its row comes as context, so that rows cannot be swapped.
func (k keys) sealed(rand io.Reader, plain []byte, context string) ([]byte, error) {
	nonce := make([]byte, k.seal.NonceSize())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("identity: random bytes: %w", err)
	}
	return k.seal.Seal(nonce, nonce, plain, []byte(context)), nil
}

func (k keys) opened(box []byte, context string) ([]byte, error) {
	n := k.seal.NonceSize()
	if len(box) < n {
		return nil, errors.New("identity: sealed value is too short")
	}
	plain, err := k.seal.Open(nil, box[:n], box[n:], []byte(context))
	if err != nil {
		return nil, fmt.Errorf("identity: unseal: %w", err)
	}
	return plain, nil
}

// ReadKey reads a key file: the pepper, 32 bytes or more in hexadecimal. Nodes that share a PostgreSQL have the same one.
func ReadKey(path string) ([]byte, error) {
	data, err := os.ReadFile(path) // #nosec G304 -- the operator's own path
	if err != nil {
		return nil, err
	}
	pepper, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(pepper) < 32 {
		return nil, fmt.Errorf("identity: key file %s is damaged: it must hold 32 bytes or more in hexadecimal", filepath.Base(path))
	}
	return pepper, nil
}

// pepperFile reads the key file, or makes it when there is none. Two processes that start together agree on one:
// the file is linked into place whole, and who comes second reads the first one's.
func pepperFile(path string, rand io.Reader) ([]byte, error) {
	pepper, err := ReadKey(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return pepper, err
	}
	pepper = make([]byte, 32)
	if _, err := io.ReadFull(rand, pepper); err != nil {
		return nil, fmt.Errorf("identity: random bytes: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("identity: key file: %w", err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // only the link stays
	_, err = tmp.WriteString(hex.EncodeToString(pepper) + "\n")
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, fmt.Errorf("identity: key file: %w", err)
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return ReadKey(path)
		}
		return nil, fmt.Errorf("identity: key file: %w", err)
	}
	return pepper, nil
}
