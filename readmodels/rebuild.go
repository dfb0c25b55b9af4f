package readmodels

import "context"

// RebuildState is a view without documents whose live version says whether all views are being rebuilt, because the
// event store holds another history than the one that they were folded from.
func RebuildState(rebuilding bool) Spec {
	s := View[struct{}]{Name: "rebuildstate", Version: 1}.Spec()
	if rebuilding {
		s.Version = 2
	}
	return s
}

// Rebuilding tells whether all views are being rebuilt, at most a refresh interval late. Reads are ErrRebuilding then.
func (l *LiveReader) Rebuilding(ctx context.Context) (bool, error) {
	version, err := l.Version(ctx, RebuildState(false))
	return version == RebuildState(true).Version, err
}
