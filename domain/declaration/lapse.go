package declaration

import "time"

// Lapsed tells whether the time to submit a declaration is over: for a draft or a withdrawn one while its notice is
// not open, for a returned one since its own deadline, whatever the notice's window. What lapsed can be read, and
// comes back to life when the notice is extended.
func Lapsed(status Status, deadline time.Time, open bool, now time.Time) bool {
	switch status {
	case StatusDraft, StatusWithdrawn:
		return !open
	case StatusReturned:
		return !deadline.IsZero() && now.After(deadline)
	}
	return false
}

func lapsed(s State, f Facts) bool { return Lapsed(s.Status, s.Deadline, f.Notice.Open, f.Now) }
