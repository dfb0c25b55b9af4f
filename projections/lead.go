package projections

import (
	"context"
	"errors"
	"time"

	"zhiping/readmodels"
)

// leaseName names the one lease under which everything is projected, rebuilds included: two leaders could not
// agree on what to build.
const leaseName = "projector"

// errDeposed ends a term of leadership.
var errDeposed = errors.New("projections: another node leads")

// compete takes the lease whenever it is free and leads until it is lost.
func (p *Projector) compete(ctx context.Context) error {
	for {
		var token uint64
		var ok bool
		err := retry(ctx, p.cfg, "acquire lease", func() (err error) {
			token, ok, err = p.cfg.Store.Acquire(ctx, leaseName, p.cfg.Owner, p.cfg.LeaseTTL)
			return err
		})
		if err != nil {
			return err
		}
		if ok {
			err := p.term(ctx, token)
			if asStopped(err) != nil {
				if err := pause(ctx, p.cfg.StopPause); err != nil { // for a node that can read it
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(p.cfg.LeaseTTL / 4):
		}
	}
}

// term leads under a token until the lease is lost, which is no error, or something is.
func (p *Projector) term(ctx context.Context, token uint64) error {
	lead, depose := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		p.renew(lead, token, depose)
	}()
	p.cfg.Logger.Info("leading the projections", "owner", p.cfg.Owner, "token", token)
	err := p.lead(lead, token)
	depose(nil)
	<-renewed
	p.mu.Lock()
	p.pipelines = nil
	p.mu.Unlock()
	if errors.Is(context.Cause(lead), errDeposed) || errors.Is(err, readmodels.ErrFenced) {
		p.cfg.Logger.Warn("another node leads the projections now", "owner", p.cfg.Owner, "token", token)
		return nil
	}
	if stop := asStopped(err); stop != nil {
		p.recordStop(ctx, stop)
	}
	// ctx may have ended already; giving the lease up spares the next leader the wait.
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if rerr := p.cfg.Store.Release(bye, leaseName, token); rerr != nil {
		p.cfg.Logger.Warn("lease not released", "error", rerr)
	}
	return err
}

// renew keeps the lease. It deposes this node when the lease is lost or could not be renewed for its whole life.
func (p *Projector) renew(ctx context.Context, token uint64, depose context.CancelCauseFunc) {
	last := time.Now()
	every := time.NewTicker(p.cfg.LeaseTTL / 4)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		began := time.Now()
		err := p.cfg.Store.Renew(ctx, leaseName, token, p.cfg.LeaseTTL)
		switch {
		case err == nil:
			last = began
		case ctx.Err() != nil:
			return
		case errors.Is(err, readmodels.ErrLeaseLost), time.Since(last) > p.cfg.LeaseTTL:
			depose(errDeposed)
			return
		default:
			p.cfg.Observer.Failed("renew lease", err)
		}
	}
}
