package projections

import (
	"context"
	"fmt"

	"zhiping/readmodels"
)

// Overview tells where the live version of every projection stands, and those being built, from the store alone:
// it works on any node and beside a running projector. Head is the position of the last event there is.
func Overview(ctx context.Context, store readmodels.Store, feed Feed, folds []Fold) (views []ViewStatus, head uint64, err error) {
	if head, err = feed.Head(ctx); err != nil {
		return nil, 0, err
	}
	if err := store.Open(ctx, ParkedView().Spec(), requestView().Spec()); err != nil {
		return nil, 0, err
	}
	requests, err := listRequests(ctx, store)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range folds {
		spec := f.Spec()
		live, ok, err := store.Live(ctx, spec.Name)
		if err != nil {
			return nil, 0, fmt.Errorf("live version of %s: %w", spec.Name, err)
		}
		versions := []int{spec.Version}
		if ok && codeVersion(live) == spec.Version {
			versions[0] = live
			if want := requests[spec.Name].Rebuild; want > live {
				versions = append(versions, want)
			}
		} else if ok {
			versions = append(versions, live)
		}
		for _, v := range versions {
			st := ViewStatus{Name: spec.Name, Version: v, Live: ok && v == live}
			if st.Checkpoint, _, err = store.Checkpoint(ctx, spec.Name, v); err != nil {
				return nil, 0, err
			}
			at := spec
			at.Version = v
			parked, err := ListParked(ctx, store, at)
			if err != nil {
				return nil, 0, err
			}
			st.Parked = len(parked)
			views = append(views, st)
		}
	}
	return views, head, nil
}
