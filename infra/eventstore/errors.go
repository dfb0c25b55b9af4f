package eventstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"zhiping/commands"
	"zhiping/domain"
)

// code is the client's classification of an error. FromError asserts the type, so that a wrapped error would
// read as unknown; this looks through wrapping.
func code(err error) (esdb.ErrorCode, bool) {
	var e *esdb.Error
	if errors.As(err, &e) {
		return e.Code(), true
	}
	return esdb.ErrorCodeUnknown, false
}

// gone tells that the client's peer is not there, so that another client is needed. An append that meets a
// server going away sees io.EOF from its send, without a status.
func gone(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	switch c, known := code(err); {
	case known && (c == esdb.ErrorUnavailable || c == esdb.ErrorCodeConnectionClosed):
		return true
	case known && c == esdb.ErrorCodeUnknown && errors.Is(err, io.EOF):
		return true
	}
	return status.Code(cause(err)) == codes.Unavailable
}

func cause(err error) error {
	var e *esdb.Error
	if errors.As(err, &e) && e.Err() != nil {
		return e.Err()
	}
	return err
}

func tooLarge(err error) bool {
	s, ok := status.FromError(cause(err))
	return ok && s.Code() == codes.InvalidArgument && strings.Contains(strings.ToLower(s.Message()), "append size")
}

// classify answers with the port's error for what the client said. It comes before any wrapping.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var ours *domain.Error
	if errors.As(err, &ours) {
		return err
	}
	c, _ := code(err)
	switch {
	case c == esdb.ErrorCodeWrongExpectedVersion:
		return fmt.Errorf("%w: %w", commands.ErrConflict, err)
	case tooLarge(err):
		return fmt.Errorf("%w: %w", commands.ErrTooLarge, err)
	case errors.Is(err, context.Canceled), status.Code(cause(err)) == codes.Canceled:
		return fmt.Errorf("%w: %w", context.Canceled, err)
	case gone(err), c == esdb.ErrorCodeDeadlineExceeded, c == esdb.ErrorAborted, c == esdb.ErrorCodeNotLeader,
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, errClosed):
		return fmt.Errorf("%w: %w", commands.ErrStoreUnavailable, err)
	}
	return err
}
