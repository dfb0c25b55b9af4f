package store

import "sync"

// hub wakes readers that wait for new events. A wake-up carries nothing: what there is to read, the reader finds
// out by reading, so a lost or doubled wake-up does no harm.
type hub struct {
	mu      sync.Mutex
	all     map[*Watch]struct{}
	streams map[string]map[*Watch]struct{}
}

func newHub() *hub {
	return &hub{all: map[*Watch]struct{}{}, streams: map[string]map[*Watch]struct{}{}}
}

// Watch is woken after commits. Close it when done.
type Watch struct {
	hub    *hub
	stream string
	c      chan struct{}
}

// C receives after one or more commits that concern the watch.
func (w *Watch) C() <-chan struct{} { return w.c }

// Close ends the watch. It may be called more than once.
func (w *Watch) Close() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	delete(w.hub.all, w)
	if set := w.hub.streams[w.stream]; set != nil {
		delete(set, w)
		if len(set) == 0 {
			delete(w.hub.streams, w.stream)
		}
	}
}

func (h *hub) watch(stream string) *Watch {
	w := &Watch{hub: h, stream: stream, c: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if stream == "" {
		h.all[w] = struct{}{}
		return w
	}
	set := h.streams[stream]
	if set == nil {
		set = map[*Watch]struct{}{}
		h.streams[stream] = set
	}
	set[w] = struct{}{}
	return w
}

// publish wakes whoever watches everything or one of the streams written to.
func (h *hub) publish(events []*Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.all {
		w.wake()
	}
	if len(h.streams) == 0 {
		return
	}
	for _, e := range events {
		for w := range h.streams[e.Stream] {
			w.wake()
		}
	}
}

func (w *Watch) wake() {
	select {
	case w.c <- struct{}{}:
	default:
	}
}
