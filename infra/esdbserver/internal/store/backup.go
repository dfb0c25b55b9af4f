package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Backup copies the SQLite file at path, which a Store may have open, to dest, which must not exist. A copy that
// fails, or whose ctx ends, is removed.
func Backup(ctx context.Context, path, dest string) error {
	if _, err := os.Lstat(dest); err == nil {
		return fmt.Errorf("backup: %s exists", dest)
	}
	c, err := openConn(path, "ro", "busy_timeout(5000)")
	if err != nil {
		return fmt.Errorf("backup: open %s: %w", path, err)
	}
	partial := dest + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("backup: %w", err), c.close())
	}
	if err := makePrivate(partial); err != nil { // which VACUUM INTO takes as long as it is empty
		return errors.Join(fmt.Errorf("backup: %w", err), c.close())
	}
	_, err = execContext(ctx, c, "VACUUM INTO '"+strings.ReplaceAll(partial, "'", "''")+"'")
	err = errors.Join(err, c.close())
	if err == nil {
		err = syncFile(partial)
	}
	if err == nil {
		err = os.Rename(partial, dest)
	}
	if err == nil {
		err = syncNames(filepath.Dir(dest))
	}
	if err != nil {
		_ = os.Remove(partial)
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) // #nosec G304 -- the operator names the folder
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncNames makes the names in a directory durable, where the system can do that.
func syncNames(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir) // #nosec G304 -- the operator names the folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
