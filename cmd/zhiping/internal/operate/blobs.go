package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"time"

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/infra/blobs"
	"zhiping/infra/eventstore"
)

// Blobs is `zhiping blobs`.
type Blobs struct {
	GC blobsGC `cmd:"" name:"gc" help:"Delete attachments' content that no event names, such as that of uploads that broke off. Servers may run meanwhile."`
}

// blobsGC is `zhiping blobs gc`.
type blobsGC struct {
	Data       string        `default:"./data" type:"existingdir" help:"Folder of everything that is kept locally."`
	Eventstore string        `placeholder:"URL" help:"Connection string of an EventStoreDB. Default: the embedded event store."`
	Blobs      string        `placeholder:"URL" help:"Bucket of the attachments. Default: a folder below --data."`
	Grace      time.Duration `default:"24h" help:"Least age of content that is deleted; one hour or more."`
	DryRun     bool          `help:"Only tell what would be deleted."`
	Force      bool          `help:"Delete also where none of the content is named by an event, which mostly means that bucket and event store do not belong together."`
}

// errUnrelatedBucket says that bucket and event store seem to be of different installations.
var errUnrelatedBucket = errors.New("no event names any of the content in this bucket: is it the bucket of this event store? --force deletes it all")

// Run prints what was found and deleted.
func (c blobsGC) Run(ctx context.Context, out io.Writer) error {
	n := node.New(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	defer n.Close()
	serve := &node.Options{Data: c.Data, Eventstore: c.Eventstore, Blobs: c.Blobs}
	if err := n.OpenEventsShared(ctx, serve); err != nil {
		return err
	}
	if err := n.OpenBlobs(ctx, serve); err != nil {
		return err
	}
	sweep := blobs.Sweep{Started: time.Now(), Grace: c.Grace, DryRun: true}
	named, err := referencedContent(ctx, n.Events)
	if err != nil {
		return err
	}
	sweep.Referenced = func(sha string) bool { return named[sha] }
	found, err := n.Blobs.Sweep(ctx, sweep)
	if err != nil {
		return err
	}
	if found.Kept == 0 && found.Deleted > 0 && !c.Force {
		return errUnrelatedBucket
	}
	verb := "would delete"
	if !c.DryRun {
		sweep.DryRun, verb = false, "deleted"
		found, err = n.Blobs.Sweep(ctx, sweep) // what was done until an error is told too
	}
	fmt.Fprintf(out, "named by events: %d (%d bytes)\nyounger than %s: %d (%d bytes)\n%s: %d (%d bytes)\n%s leftovers of broken writes: %d\n",
		found.Kept, found.KeptBytes, c.Grace, found.Young, found.YoungBytes, verb, found.Deleted, found.DeletedBytes, verb, found.Leftovers)
	return err
}

// contentHash is how content is named. Every event is looked through for it, whatever its type, so that no kind of event
// that will name content can be forgotten here.
var contentHash = regexp.MustCompile(`"[0-9a-f]{64}"`)

// referencedContent collects the hashes in all events up to the head of the log.
func referencedContent(ctx context.Context, events *eventstore.Client) (map[string]bool, error) {
	named := map[string]bool{}
	for after, more := uint64(0), true; more; {
		page, err := events.ReadAll(ctx, eventstore.All{After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			raw, err := json.Marshal(e.Event)
			if err != nil {
				return nil, fmt.Errorf("event %s: %w", e.ID, err)
			}
			for _, h := range contentHash.FindAll(raw, -1) {
				named[string(h[1:len(h)-1])] = true
			}
		}
		after, more = page.Next, page.More
	}
	return named, nil
}
