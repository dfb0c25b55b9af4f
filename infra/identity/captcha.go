package identity

import (
	"bytes"
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	cryptorand "crypto/rand"

	"github.com/steambap/captcha"
)

// Captcha is one picture with something to read in it.
type Captcha struct {
	ID    string `json:"captchaId"`
	Image string `json:"image"` // PNG data URI
}

const captchaLife = 5 * time.Minute

// captchaLetters leaves out what looks alike.
const captchaLetters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// NewCaptcha draws a captcha. It can be answered once, within five minutes.
func (p *Provider) NewCaptcha(ctx context.Context, address string) (Captcha, error) {
	letters, err := p.shuffled(captchaLetters)
	if err != nil {
		return Captcha{}, err
	}
	// The library draws from a generator that is seeded with the start time. Over an alphabet in secret random order
	// its choices say nothing about the letters.
	data, err := captcha.New(150, 50, func(o *captcha.Options) {
		o.CharPreset, o.TextLength, o.CurveNumber, o.Noise = letters, 5, 2, 1
	})
	if err != nil {
		return Captcha{}, fmt.Errorf("identity: captcha: %w", err)
	}
	var png bytes.Buffer
	if err := data.WriteImage(&png); err != nil {
		return Captcha{}, fmt.Errorf("identity: captcha: %w", err)
	}
	id, err := p.keepCaptcha(ctx, data.Text, address)
	if err != nil {
		return Captcha{}, err
	}
	return Captcha{ID: id, Image: "data:image/png;base64," + base64.StdEncoding.EncodeToString(png.Bytes())}, nil
}

// keepCaptcha stores what the right answer is, under a keyed hash.
func (p *Provider) keepCaptcha(ctx context.Context, answer, address string) (string, error) {
	id, err := p.random(16)
	if err != nil {
		return "", err
	}
	return id, p.write(ctx, func(c *change) error {
		if err := p.spend(ctx, c, quota{"captcha", p.cfg.Networks.Captchas, time.Minute}, network(address)); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, `INSERT INTO captchas (id, hash, expires_at) VALUES ($1,$2,$3)`,
			id, p.captchaHash(id, answer), millis(p.now().Add(captchaLife)))
		if err != nil {
			return fmt.Errorf("identity: captcha: %w", err)
		}
		return nil
	})
}

// spendCaptcha checks an answer. The captcha is gone afterwards, right or wrong.
func (p *Provider) spendCaptcha(ctx context.Context, id, answer string) error {
	if id == "" {
		return ErrCaptchaRequired
	}
	var hash []byte
	var expires int64
	err := p.writer.QueryRowContext(ctx, `DELETE FROM captchas WHERE id = $1 RETURNING hash, expires_at`, clip(id, 64)).Scan(&hash, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrCaptchaWrong
	}
	if err != nil {
		return fmt.Errorf("identity: captcha: %w", err)
	}
	if p.now().UnixMilli() >= expires || !hmac.Equal(hash, p.captchaHash(id, answer)) {
		return ErrCaptchaWrong
	}
	return nil
}

func (p *Provider) captchaHash(id, answer string) []byte {
	return mac(p.keys.code, "captcha", id, strings.ToUpper(strings.TrimSpace(answer)))
}

// shuffled is s in a random order.
func (p *Provider) shuffled(s string) (string, error) {
	b := []byte(s)
	for i := len(b) - 1; i > 0; i-- {
		j, err := p.below(int64(i + 1))
		if err != nil {
			return "", err
		}
		b[i], b[j] = b[j], b[i]
	}
	return string(b), nil
}

// below is a uniform random number in [0, n).
func (p *Provider) below(n int64) (int64, error) {
	v, err := cryptorand.Int(p.cfg.Rand, big.NewInt(n))
	if err != nil {
		return 0, fmt.Errorf("identity: random bytes: %w", err)
	}
	return v.Int64(), nil
}
