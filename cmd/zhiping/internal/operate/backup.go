package operate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/infra/esdbserver"
	"zhiping/infra/identity"
)

// Backup is `zhiping backup`: one copy of everything that is kept in the data folder and cannot be made anew. The views
// are left out, since they are built from the events; so is the outbox, whose codes run out within minutes.
type Backup struct {
	Data        string `default:"./data" type:"existingdir" help:"Folder of everything that is kept locally, which a server may be using."`
	To          string `required:"" type:"path" placeholder:"DIR" help:"New or empty folder for the backup."`
	IdentityKey string `type:"existingfile" placeholder:"FILE" help:"File with the key of accounts, if serve is started with one. Default: the one below --data."`
}

// Restore is `zhiping restore`.
type Restore struct {
	From string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder of a backup."`
	Data string `default:"./data" type:"path" help:"Data folder to make: new or empty."`
}

// The parts of a backup, below its folder, which are those of a data folder.
const (
	manifestFile = "backup.json"
	eventsDir    = "events"
	accountsFile = "identity.sqlite"
	keyFile      = "identity.sqlite.key"
	contentDir   = "blobs"
)

// manifest lists what a backup holds. Paths are relative, with slashes.
type manifest struct {
	Version  string            `json:"version"`
	MadeAt   time.Time         `json:"madeAt"`
	Position uint64            `json:"position"` // of the newest event
	Files    map[string]string `json:"files"`    // SHA-256 by path
}

// Run copies the parts and checks the copy. Accounts are copied first and content last: events that came later are applied
// to the accounts at the next start, and content that an event names was stored before the event.
func (c Backup) Run(ctx context.Context, out io.Writer) error {
	key := c.IdentityKey
	if key == "" {
		key = filepath.Join(c.Data, keyFile)
	}
	for part, path := range map[string]string{"accounts": filepath.Join(c.Data, accountsFile), "event store": filepath.Join(c.Data, eventsDir), "key of accounts": key} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("backup: no %s in --data: %w; parts that are kept elsewhere are backed up by their own tools", part, err)
		}
	}
	if err := makeEmpty(c.To); err != nil {
		return fmt.Errorf("backup: --to: %w", err)
	}
	if err := identity.Backup(ctx, filepath.Join(c.Data, accountsFile), filepath.Join(c.To, accountsFile)); err != nil {
		return err
	}
	if err := copyFile(key, filepath.Join(c.To, keyFile)); err != nil {
		return fmt.Errorf("backup: key of accounts: %w", err)
	}
	if err := esdbserver.Backup(ctx, filepath.Join(c.Data, eventsDir), filepath.Join(c.To, eventsDir)); err != nil {
		return err
	}
	if err := copyContent(ctx, filepath.Join(c.Data, contentDir), filepath.Join(c.To, contentDir)); err != nil {
		return fmt.Errorf("backup: attachments: %w", err)
	}
	position, err := checkCopy(ctx, c.To, out)
	if err != nil {
		return err
	}
	m := manifest{Version: node.Version(), MadeAt: time.Now().UTC().Truncate(time.Second), Position: position}
	if m.Files, err = hashFiles(ctx, c.To); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := os.WriteFile(filepath.Join(c.To, manifestFile), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	fmt.Fprintf(out, "backed up to %s: %d files, events up to position %d\nkeep it as safe as the accounts: the key of accounts is in it\n", c.To, len(m.Files), m.Position)
	return nil
}

// Run checks the backup, copies it and checks the copy. The data folder appears once it is complete.
func (c Restore) Run(ctx context.Context, out io.Writer) error {
	raw, err := os.ReadFile(filepath.Join(c.From, manifestFile)) // #nosec G304 -- the operator names the folder
	if err != nil {
		return fmt.Errorf("restore: %s is no complete backup: %w", c.From, err)
	}
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("restore: %s: %w", manifestFile, err)
	}
	if err := requireEmpty(c.Data); err != nil {
		return fmt.Errorf("restore: --data: %w", err)
	}
	partial := c.Data + ".restoring"
	if err := makeEmpty(partial); err != nil {
		return fmt.Errorf("restore: what an earlier restore left is in the way: %w", err)
	}
	if err := c.fill(ctx, partial, m, out); err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	if err := os.Remove(c.Data); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("restore: --data: %w", err)
	}
	if err := os.Rename(partial, c.Data); err != nil {
		return fmt.Errorf("restore: --data: %w", err)
	}
	fmt.Fprintf(out, "restored to %s; views are built when serve starts\n", c.Data)
	return nil
}

// fill copies the files of a manifest to an empty folder and checks them.
func (c Restore) fill(ctx context.Context, dir string, m manifest, out io.Writer) error {
	for path := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !filepath.IsLocal(filepath.FromSlash(path)) {
			return fmt.Errorf("restore: %s names %q, which is outside the backup", manifestFile, path)
		}
		if err := copyFile(filepath.Join(c.From, filepath.FromSlash(path)), filepath.Join(dir, filepath.FromSlash(path))); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	found, err := hashFiles(ctx, dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for path, want := range m.Files {
		if found[path] != want {
			return fmt.Errorf("restore: %s is not what was backed up", path)
		}
	}
	position, err := checkCopy(ctx, dir, out)
	if err == nil && position != m.Position {
		err = fmt.Errorf("restore: the newest event is at position %d, not at %d", position, m.Position)
	}
	return err
}

// checkCopy verifies each part of a copy that no server uses, and that all content is there that events name. It answers
// the position of the newest event.
func checkCopy(ctx context.Context, dir string, out io.Writer) (position uint64, err error) {
	if err := esdbserver.Verify(ctx, filepath.Join(dir, eventsDir), out); err != nil {
		return 0, err
	}
	if err := checkAccounts(ctx, dir); err != nil {
		return 0, err
	}
	n := node.New(slog.New(slog.DiscardHandler))
	if err := n.OpenEvents(ctx, &node.Options{Data: dir}); err != nil {
		return 0, err
	}
	named, err := referencedContent(ctx, n.Events)
	if err == nil {
		position, err = n.Events.Head(ctx)
	}
	n.Close()
	if err != nil {
		return 0, fmt.Errorf("check the copy: %w", err)
	}
	stored, err := contentHashes(filepath.Join(dir, contentDir))
	if err != nil {
		return 0, fmt.Errorf("check the copy: %w", err)
	}
	for sha := range named {
		if !stored[sha] {
			return 0, fmt.Errorf("check the copy: the content %s is missing, which an event names", sha)
		}
	}
	fmt.Fprintf(out, "accounts sound, with their key; %d attachments named by events, all there\n", len(named))
	return position, removeRuntimeFiles(dir)
}

// checkAccounts verifies the accounts' file, and that the key is the one that it was written with.
func checkAccounts(ctx context.Context, dir string) error {
	path := filepath.Join(dir, accountsFile)
	if err := identity.Verify(ctx, path); err != nil {
		return err
	}
	key, err := identity.ReadKey(filepath.Join(dir, keyFile))
	if err != nil {
		return err
	}
	p, err := identity.Open(ctx, identity.Config{Path: path, Pepper: key})
	if err != nil {
		return err
	}
	return p.Close()
}

// removeRuntimeFiles removes what opening the stores left beside them: locks, sockets and logs that are empty by now.
func removeRuntimeFiles(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains([]string{manifestFile, accountsFile, keyFile, "events.sqlite"}, d.Name()) || contentName.MatchString(d.Name()) {
			return err
		}
		return root.Remove(path)
	})
	return errors.Join(err, root.Close())
}

// contentName is the name of a file of content: its SHA-256.
var contentName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// contentHashes are the names of all content below a folder, which need not be there.
func contentHashes(dir string) (map[string]bool, error) {
	found := map[string]bool{}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && contentName.MatchString(d.Name()) {
			found[d.Name()] = true
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return found, err
}

// copyContent copies finished content and checks each against its name. What is being written has another name yet. Sidecars
// of earlier versions are left out.
func copyContent(ctx context.Context, from, to string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() || !contentName.MatchString(d.Name()) {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		err = copyFile(path, filepath.Join(to, below))
		if errors.Is(err, fs.ErrNotExist) { // collected meanwhile, so no event names it
			return nil
		}
		if err != nil {
			return err
		}
		sum, err := hashFile(filepath.Join(to, below))
		if err == nil && sum != d.Name() {
			err = fmt.Errorf("%s is damaged: its SHA-256 is %s", below, sum)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // nothing was ever attached
		return nil
	}
	return err
}

// copyFile copies a file to a new one, durably and for this user alone.
func copyFile(from, to string) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from) // #nosec G304 -- the operator names the folder
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- as above
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func hashFiles(ctx context.Context, dir string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		below, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(below)], err = hashFile(path)
		return err
	})
	return out, err
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path) // #nosec G304 -- the operator names the folder
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// makeEmpty makes a folder, which may be there already if it is empty.
func makeEmpty(dir string) error {
	if err := requireEmpty(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

var errNotEmpty = errors.New("the folder is not empty")

func requireEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s: %w", dir, errNotEmpty)
	}
	return err
}
