package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/width"
)

// normalIDNumber folds the ways that people write an identity number: a lower-case x, full-width digits, spaces. Broken
// UTF-8 is marked first, or taking the spaces out could join its pieces to another character.
func normalIDNumber(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.ToUpper(strings.Join(strings.Fields(width.Narrow.String(s)), ""))
}

// putIDNumber stores an identity number encrypted, beside a keyed hash that keeps it unique.
func (p *Provider) putIDNumber(ctx context.Context, tx querier, account, number string) error {
	number = normalIDNumber(number)
	sealed, err := p.keys.sealed(p.cfg.Rand, []byte(number), "id number "+account)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO identity_numbers (account_id, blind, sealed) VALUES ($1,$2,$3)
		ON CONFLICT (account_id) DO UPDATE SET blind = excluded.blind, sealed = excluded.sealed`,
		account, mac(p.keys.blind, "id number", number), sealed)
	if taken(err) {
		return ErrIDNumberTaken
	}
	if err != nil {
		return fmt.Errorf("identity: identity number: %w", err)
	}
	return nil
}

// numberTaken tells whether some account keeps an identity number.
func (p *Provider) numberTaken(ctx context.Context, tx querier, number string) (bool, error) {
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM identity_numbers WHERE blind = $1`, mac(p.keys.blind, "id number", number)).Scan(&one)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("identity: identity number: %w", err)
	}
	return one == 1, nil
}
