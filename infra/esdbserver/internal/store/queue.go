package store

import "context"

// op is one change, waiting for the writer. apply answers a refusal as an error and must not have written
// anything then; errors of the file go through tx.fail.
type op struct {
	ctx   context.Context
	size  int
	apply func(*tx) error
	err   error
	done  chan struct{}
}

// submit hands a change to the writer and waits until it is durable. When ctx ends first, the outcome is unknown.
func (s *Store) submit(ctx context.Context, size int, apply func(*tx) error) error {
	o, err := s.enqueue(ctx, size, apply)
	if err != nil {
		return err
	}
	return s.wait(o)
}

// enqueue puts a change in line: changes are applied in the order in which they were enqueued.
func (s *Store) enqueue(ctx context.Context, size int, apply func(*tx) error) (*op, error) {
	o := &op{ctx: ctx, size: size, apply: apply, done: make(chan struct{})}
	select {
	case <-s.closing:
		return nil, ErrClosed
	default:
	}
	select {
	case s.ops <- o:
		return o, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closing:
		return nil, ErrClosed
	}
}

func (s *Store) wait(o *op) error {
	select {
	case <-o.done:
		return o.err
	case <-o.ctx.Done():
		return o.ctx.Err()
	case <-s.written:
		select {
		case <-o.done:
			return o.err
		default:
			return ErrClosed
		}
	}
}
