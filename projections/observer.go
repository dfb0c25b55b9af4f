package projections

import "time"

// Observer gets the projector's figures. Its methods are called from the projector's goroutines and must not block.
type Observer interface {
	// Committed tells of one commit, with every view that took part.
	Committed(Commit)
	// Failed tells that a task on the read store failed and will be tried again.
	Failed(task string, err error)
	// Parked tells how many documents of a version of a view are parked now, whenever that may have changed.
	Parked(view string, version, count int)
	// Stopped tells that this node's projections stand still before an event that this version cannot read, or go on.
	Stopped(stopped bool)
	// Backlog tells how many events have been received and not committed yet, and whether history is behind us.
	Backlog(pipeline string, events int, live bool)
}

// Commit is what one commit did.
type Commit struct {
	Pipeline string
	Events   int // received, of interest or not
	Fold     time.Duration
	Store    time.Duration
	// Oldest is when the oldest event of the batch was recorded; zero without events.
	Oldest time.Time
	Views  []CommitView
}

// CommitView is one view's part of a commit.
type CommitView struct {
	Name       string
	Version    int
	Events     int // of interest
	Documents  int // stored or deleted
	Checkpoint uint64
}

type noObserver struct{}

func (noObserver) Committed(Commit)          {}
func (noObserver) Failed(string, error)      {}
func (noObserver) Parked(string, int, int)   {}
func (noObserver) Stopped(bool)              {}
func (noObserver) Backlog(string, int, bool) {}
