package views

import (
	"context"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/readmodels"
)

// Stats is a document of the statistics view: the figures of one notice over one part of the streams, or the way that one
// declaration took, from which the fold knows how long it was where, and whose figures that changes. The id of the
// latter is the stream's name.
type Stats struct {
	Notice      *NoticeStats `json:"notice,omitempty"`
	Declaration *Steps       `json:"declaration,omitempty"`
}

// Statistics is read by id only. No document grows with the number of declarations.
var Statistics = readmodels.View[Stats]{Name: "stats", Version: 3, Since: 2}

// NoticeStatsID is the id of the figures of a notice over the declarations of one part.
func NoticeStatsID(notice uuid.UUID, part int) string {
	return fmt.Sprintf("%s.%d", domain.Stream(domain.CategoryNotice, notice.String()), part)
}

// ReadNoticeStats adds a notice's figures up over all parts. The position is the newest that they include.
func ReadNoticeStats(ctx context.Context, r readmodels.Reader, notice uuid.UUID) (sum NoticeStats, position uint64, err error) {
	var ids [readmodels.Partitions]string
	for part := range ids {
		ids[part] = NoticeStatsID(notice, part)
	}
	docs, err := Statistics.GetAll(ctx, r, ids[:]...)
	if err != nil {
		return NoticeStats{}, 0, err
	}
	sum = NewNoticeStats()
	for _, d := range docs {
		if d.Doc.Notice != nil {
			sum.Add(*d.Doc.Notice)
			position = max(position, d.Position)
		}
	}
	return sum, position, nil
}

// Steps are the places that a declaration has been at. It grows with the rounds of one declaration.
type Steps struct {
	Notice uuid.UUID `json:"notice"`
	Part   int       `json:"part"` // readmodels.PartitionOf the declaration's stream
	Steps  []Step    `json:"steps"`
}

// Step is where a declaration was from one event of its stream on.
type Step struct {
	Revision uint64    `json:"revision"`
	At       time.Time `json:"at"`
	declaration.Progress
}

// NoticeStats are the figures of a notice.
type NoticeStats struct {
	Statuses map[declaration.Status]int `json:"statuses"` // declarations by where they stand now
	Stages   map[string]StageStats      `json:"stages"`   // by key of the stage
	Returns  map[string]int             `json:"returns"`  // by key of the module
}

// NewNoticeStats are the figures of nothing.
func NewNoticeStats() NoticeStats {
	return NoticeStats{Statuses: map[declaration.Status]int{}, Stages: map[string]StageStats{}, Returns: map[string]int{}}
}

// Add counts the declarations of other figures, too.
func (n NoticeStats) Add(o NoticeStats) {
	for status, count := range o.Statuses {
		n.Statuses[status] += count
	}
	for module, count := range o.Returns {
		n.Returns[module] += count
	}
	for stage, more := range o.Stages {
		at := n.Stages[stage]
		at.Waiting += more.Waiting
		if at.Durations == nil {
			at.Durations = Durations{}
		}
		for bucket, stays := range more.Durations {
			at.Durations[bucket] += stays
		}
		n.Stages[stage] = at
	}
}

// StageStats are the figures of one stage of the review.
type StageStats struct {
	Waiting   int       `json:"waiting"` // declarations that are there now
	Durations Durations `json:"durations,omitempty"`
}

// Durations counts stays by how many seconds they lasted, in buckets that are a sixteenth of a power of two wide: below
// 32 seconds one a second, above it at most 1/16 of their own lower end, so that there are some hundreds of them for
// years, and a quantile is at most 1/32 off. Whole numbers only: every machine makes the same buckets.
type Durations map[int]int

// linear is where buckets begin to be wider than a second; half of it is their number in a power of two.
const linear = 32

// Add counts a stay. One that ended before it began, by clocks that disagree, took no time.
func (d Durations) Add(stay time.Duration) {
	s := uint64(max(0, stay/time.Second)) // not negative
	shift := max(0, bits.Len64(s)-bits.Len(linear-1))
	d[shift*linear/2+int(s>>shift)]++ // #nosec G115 -- below linear
}

// Quantile is the middle of the bucket of the shortest stay that at least percent in a hundred do not exceed, and
// whether there is any stay.
func (d Durations) Quantile(percent int) (time.Duration, bool) {
	total := d.Count()
	if total == 0 {
		return 0, false
	}
	rank := max(1, (total*percent+99)/100)
	for _, bucket := range slices.Sorted(maps.Keys(d)) {
		if rank -= d[bucket]; rank <= 0 {
			return middle(bucket), true
		}
	}
	return 0, false
}

func middle(bucket int) time.Duration {
	shift := max(0, bucket/(linear/2)-1)
	lowest := (bucket - shift*linear/2) << shift
	return time.Duration(lowest)*time.Second + time.Duration(1<<shift-1)*time.Second/2
}

// Count is how many stays there are.
func (d Durations) Count() int {
	total := 0
	for _, n := range d {
		total += n
	}
	return total
}
