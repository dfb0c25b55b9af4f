package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// Backup writes a consistent copy of the accounts' SQLite file, which a Provider may have open, to dest, which must not
// exist. The key is not in it. A copy that fails is removed.
func Backup(ctx context.Context, path, dest string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("identity: backup: %w", err)
	}
	f, err := os.OpenFile(dest, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // #nosec G304 -- the operator names the folder
	if err != nil {
		return fmt.Errorf("identity: backup: %w", err)
	}
	if err := f.Close(); err != nil { // VACUUM INTO takes a file that is empty
		return fmt.Errorf("identity: backup: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(dest)
		}
	}()
	db, err := openReadOnly(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", dest); err != nil {
		return fmt.Errorf("identity: backup: %w", err)
	}
	if f, err = os.OpenFile(dest, os.O_RDWR, 0); err != nil { // #nosec G304 -- as above
		return fmt.Errorf("identity: backup: %w", err)
	}
	return errors.Join(f.Sync(), f.Close(), Verify(ctx, dest))
}

// Verify checks the integrity of the accounts' SQLite file, which a Provider may have open.
func Verify(ctx context.Context, path string) (err error) {
	db, err := openReadOnly(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var result string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&result); err != nil {
		return fmt.Errorf("identity: verify %s: %w", filepath.Base(path), err)
	}
	if result != "ok" {
		return fmt.Errorf("identity: verify %s: %s", filepath.Base(path), result)
	}
	return nil
}

func openReadOnly(path string) (*sql.DB, error) {
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("identity: open %s: %w", filepath.Base(path), err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
