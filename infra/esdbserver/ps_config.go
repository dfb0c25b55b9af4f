package esdbserver

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	allStream = "$all"
	// groupDocument is the prefix of the documents that groups are stored as.
	groupDocument = "group/"
	fromEnd       = int64(-1)

	strategySingle      = "DispatchToSingle"
	strategyRoundRobin  = "RoundRobin"
	strategyPinned      = "Pinned"
	strategyCorrelation = "PinnedByCorrelation"
)

// groupKey names a persistent subscription.
type groupKey struct{ Stream, Group string }

func (k groupKey) String() string { return k.Stream + "::" + k.Group }

// internalStream is where a group keeps its checkpoint or parked messages: the official server's names.
func (k groupKey) internalStream(suffix string) string {
	return "$persistentsubscription-" + k.String() + suffix
}

// groupConfig is what is stored of a group. From is as the client gave it, Begin what it meant at that moment: a
// group that begins at the end must not skip what was appended before its first checkpoint when it restarts.
type groupConfig struct {
	groupKey
	From, Begin       int64
	Filter            *groupFilter `json:",omitempty"`
	ResolveLinks      bool
	ExtraStatistics   bool
	MaxRetries        int32
	MinCheckpoint     int32
	MaxCheckpoint     int32
	MaxSubscribers    int32
	LiveBuffer        int32
	ReadBatch         int32
	HistoryBuffer     int32
	MessageTimeoutMS  int32
	CheckpointAfterMS int32
	Strategy          string
}

// groupFilter is a stored filter.
type groupFilter struct {
	ByStream bool
	Regex    string   `json:",omitempty"`
	Prefixes []string `json:",omitempty"`
}

func (f *groupFilter) compile() (*filter, error) {
	if f == nil {
		return nil, nil
	}
	out := &filter{}
	return out, out.express(f.ByStream, f.Regex, f.Prefixes)
}

// settings is what the settings of Create and Update have in common.
type settings interface {
	GetResolveLinks() bool
	GetExtraStatistics() bool
	GetMaxRetryCount() int32
	GetMinCheckpointCount() int32
	GetMaxCheckpointCount() int32
	GetMaxSubscriberCount() int32
	GetLiveBufferSize() int32
	GetReadBatchSize() int32
	GetHistoryBufferSize() int32
	GetMessageTimeoutTicks() int64
	GetMessageTimeoutMs() int32
	GetCheckpointAfterTicks() int64
	GetCheckpointAfterMs() int32
}

// ticksPerMS is how many of .NET's 100 ns ticks a millisecond has.
const ticksPerMS = 10_000

// milliseconds is a time that is given in one of two units. More than fits is as long as can be, less than nothing less
// than nothing.
func milliseconds(ms int32, ticks int64) int32 {
	if ticks != 0 {
		return int32(min(max(ticks/ticksPerMS, -1), math.MaxInt32)) // #nosec G115 -- bounded here
	}
	return ms
}

func (c *groupConfig) apply(s settings, strategy string) error {
	c.ResolveLinks, c.ExtraStatistics = s.GetResolveLinks(), s.GetExtraStatistics()
	c.MaxRetries, c.MaxSubscribers = s.GetMaxRetryCount(), s.GetMaxSubscriberCount()
	c.MinCheckpoint, c.MaxCheckpoint = s.GetMinCheckpointCount(), s.GetMaxCheckpointCount()
	c.LiveBuffer, c.ReadBatch, c.HistoryBuffer = s.GetLiveBufferSize(), s.GetReadBatchSize(), s.GetHistoryBufferSize()
	c.MessageTimeoutMS = milliseconds(s.GetMessageTimeoutMs(), s.GetMessageTimeoutTicks())
	c.CheckpointAfterMS = milliseconds(s.GetCheckpointAfterMs(), s.GetCheckpointAfterTicks())
	c.Strategy = strategy
	switch {
	case c.HistoryBuffer <= 0 || c.ReadBatch <= 0 || c.LiveBuffer < 0:
		return groupFailed(c.groupKey, "buffer sizes must be positive")
	case c.ReadBatch >= c.HistoryBuffer:
		return groupFailed(c.groupKey, "Read batch size must be less than the history buffer size")
	case c.MessageTimeoutMS < 0 || c.CheckpointAfterMS < 0 || c.MaxRetries < 0 || c.MaxSubscribers < 0:
		return groupFailed(c.groupKey, "settings must not be negative")
	}
	switch strategy {
	case strategySingle, strategyRoundRobin, strategyPinned, strategyCorrelation:
		return nil
	}
	return groupFailed(c.groupKey, fmt.Sprintf("Consumer strategy %s does not exist", strategy))
}

func (c *groupConfig) timeout() time.Duration {
	return time.Duration(c.MessageTimeoutMS) * time.Millisecond
}

func (c *groupConfig) checkpointAfter() time.Duration {
	return max(time.Duration(c.CheckpointAfterMS)*time.Millisecond, 50*time.Millisecond)
}

func (c *groupConfig) encode() ([]byte, error) { return json.Marshal(c) }

// place writes a revision or position as the official server does: "7", or "C:7/P:7" for $all.
func (c *groupConfig) place(n int64) string {
	if c.Stream == allStream {
		return fmt.Sprintf("C:%d/P:%d", n, n)
	}
	return fmt.Sprint(n)
}

func parsePlace(s string) (int64, error) {
	var n, p int64
	format := "%d"
	args := []any{&n}
	if strings.HasPrefix(s, "C:") {
		format, args = "C:%d/P:%d", []any{&n, &p}
	}
	if _, err := fmt.Sscanf(s, format, args...); err != nil {
		return 0, fmt.Errorf("checkpoint %q: %w", s, err)
	}
	return n, nil
}

func groupRefusal(code codes.Code, k groupKey, exception, message string) *refusal {
	return refuse(code, message, trailerException, exception, trailerStream, k.Stream, trailerGroup, k.Group)
}

func groupMissing(k groupKey) *refusal {
	return groupRefusal(codes.NotFound, k, "persistent-subscription-does-not-exist",
		fmt.Sprintf("Subscription group %s on stream %s does not exist.", k.Group, k.Stream))
}

func groupExists(k groupKey) *refusal {
	return groupRefusal(codes.AlreadyExists, k, "persistent-subscription-exists",
		fmt.Sprintf("Subscription group %s on stream %s exists.", k.Group, k.Stream))
}

func groupFailed(k groupKey, reason string) *refusal {
	r := groupRefusal(codes.Internal, k, "persistent-subscription-failed",
		fmt.Sprintf("Subscription group %s on stream %s failed: '%s'", k.Group, k.Stream, reason))
	r.trailers = append(r.trailers, trailerReason, reason)
	return r
}

func groupFull(k groupKey) *refusal {
	return groupRefusal(codes.FailedPrecondition, k, "maximum-subscribers-reached",
		fmt.Sprintf("Maximum subscriptions reached for subscription group '%s' on stream '%s.'", k.Group, k.Stream))
}

func groupDropped(k groupKey) *refusal {
	return groupRefusal(codes.Canceled, k, "persistent-subscription-dropped",
		fmt.Sprintf("Subscription group %s on stream %s was dropped.", k.Group, k.Stream))
}
