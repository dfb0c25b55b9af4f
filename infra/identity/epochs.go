package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// epochs reads revocation counters. Every request needs one, so those that come while one is being read are answered
// together by the next read: it begins after all of them have asked, so that none misses a revocation from before its
// own time. Where the database can tell that nothing has changed, which costs less than reading, it is asked for that
// first. Safe for concurrent use.
type epochs struct {
	one, many statement

	mu   sync.Mutex // guards next
	next *epochsRead
	turn sync.Mutex // held while reading; guards what follows

	changes *changes // nil in PostgreSQL
	// known are the counters as they have been since changes told this number, if it did.
	known  map[int]int64
	number int64
	told   bool
}

// epochsRead is one read for all who asked before it began.
type epochsRead struct {
	buckets []int
	n       []int64
	err     error
	done    bool // guarded by turn, as are n and err
}

// epochsAtOnce is how many counters one query reads.
const epochsAtOnce = 8

func (e *epochs) prepare(ctx context.Context, d database) (err error) {
	e.known = map[int]int64{}
	columns := make([]string, epochsAtOnce)
	for i := range columns {
		columns[i] = fmt.Sprintf("(SELECT n FROM epochs WHERE bucket = $%d)", i+1)
	}
	if e.one, err = d.prepared(ctx, "SELECT "+columns[0]); err != nil {
		return err
	}
	e.many, err = d.prepared(ctx, "SELECT "+strings.Join(columns, ", "))
	return err
}

// of is the counter as it is now or later.
func (e *epochs) of(ctx context.Context, bucket int) (int64, error) {
	e.mu.Lock()
	r := e.next
	if r == nil {
		r = &epochsRead{}
		e.next = r
	}
	at := slices.Index(r.buckets, bucket)
	if at < 0 {
		at = len(r.buckets)
		r.buckets = append(r.buckets, bucket)
	}
	e.mu.Unlock()

	e.turn.Lock()
	defer e.turn.Unlock()
	if !r.done {
		e.mu.Lock()
		e.next = nil // nobody joins from here on
		e.mu.Unlock()
		// Others wait for the answer too, so this caller's going away does not end the read; the statements have a limit.
		r.n, r.err = e.read(context.WithoutCancel(ctx), r.buckets)
		r.done = true
	}
	if r.err != nil {
		return 0, fmt.Errorf("identity: epoch: %w", r.err)
	}
	return r.n[at], nil
}

func (e *epochs) read(ctx context.Context, buckets []int) ([]int64, error) {
	e.forget()
	var unknown []int
	for _, b := range buckets {
		if _, ok := e.known[b]; !ok {
			unknown = append(unknown, b)
		}
	}
	if len(unknown) > 0 {
		read, err := e.query(ctx, unknown)
		if err != nil {
			return nil, err
		}
		for i, b := range unknown {
			e.known[b] = read[i]
		}
	}
	n := make([]int64, len(buckets))
	for i, b := range buckets {
		n[i] = e.known[b]
	}
	return n, nil
}

// forget forgets the counters unless nothing has changed since they were read. The number is asked for before them, so
// that what is committed in between is noticed the next time.
func (e *epochs) forget() {
	if e.changes != nil {
		number, err := e.changes.number()
		if err == nil && e.told && number == e.number {
			return
		}
		e.number, e.told = number, err == nil // the counters' own read tells what is wrong
	}
	clear(e.known)
}

func (e *epochs) query(ctx context.Context, buckets []int) ([]int64, error) {
	n := make([]int64, len(buckets))
	if len(buckets) == 1 {
		return n, e.one.QueryRowContext(ctx, buckets[0]).Scan(&n[0])
	}
	args, into := make([]any, epochsAtOnce), make([]any, epochsAtOnce)
	for from := 0; from < len(n); from += epochsAtOnce {
		for i := range args {
			at := min(from+i, len(n)-1) // the last one repeats
			args[i], into[i] = buckets[at], &n[at]
		}
		if err := e.many.QueryRowContext(ctx, args...).Scan(into...); err != nil {
			return nil, err
		}
	}
	return n, nil
}
