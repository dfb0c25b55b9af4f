package esdbserver

import (
	"regexp"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"zhiping/infra/esdbserver/internal/store"
)

// Reads of everything leave out what persistent subscriptions to everything write themselves: each would else
// deliver its own checkpoints (EventFilter.cs).
const (
	allGroupPrefix = "$persistentsubscription-$all::"
	suffixCheck    = "-checkpoint"
	suffixParked   = "-parked"
)

func hiddenFromAll(e *store.Event) bool {
	return strings.HasPrefix(e.Stream, allGroupPrefix) &&
		(strings.HasSuffix(e.Stream, suffixCheck) || strings.HasSuffix(e.Stream, suffixParked))
}

// filter selects events of $all by stream name or event type. A nil filter takes all.
type filter struct {
	byStream bool
	regex    *regexp.Regexp
	prefixes []string
	// interval is how many events are looked at between two checkpoints.
	interval uint64
}

// defaultWindow is the window of a filter that gives none (EventFilter's default on the official server).
const defaultWindow = 32

func newFilter(o *streams.ReadReq_Options_FilterOptions) (*filter, error) {
	f := &filter{interval: defaultWindow}
	var err error
	switch x := o.GetFilter().(type) {
	case *streams.ReadReq_Options_FilterOptions_StreamIdentifier:
		err = f.express(true, x.StreamIdentifier.GetRegex(), x.StreamIdentifier.GetPrefix())
	case *streams.ReadReq_Options_FilterOptions_EventType:
		err = f.express(false, x.EventType.GetRegex(), x.EventType.GetPrefix())
	default:
		err = invalid("no filter expression")
	}
	if err != nil {
		return nil, err
	}
	if w, ok := o.GetWindow().(*streams.ReadReq_Options_FilterOptions_Max); ok {
		if w.Max == 0 {
			return nil, invalid("filter window must be positive")
		}
		f.interval = uint64(w.Max)
	}
	f.interval *= uint64(o.GetCheckpointIntervalMultiplier())
	return f, nil
}

// express takes the regular expression if there is one, else the prefixes, of which none match nothing
// (Streams.Read.cs, ConvertToEventFilter).
func (f *filter) express(byStream bool, regex string, prefixes []string) (err error) {
	f.byStream, f.prefixes = byStream, prefixes
	if regex == "" {
		return nil
	}
	if f.regex, err = regexp.Compile(regex); err != nil {
		return invalid("filter expression: %v", err)
	}
	return nil
}

func (f *filter) match(e *store.Event) bool {
	if f == nil {
		return true
	}
	text := e.Type
	if f.byStream {
		text = e.Stream
	}
	if f.regex != nil {
		return f.regex.MatchString(text)
	}
	for _, p := range f.prefixes {
		if strings.HasPrefix(text, p) {
			return true
		}
	}
	return false
}
