package esdbserver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"zhiping/infra/esdbserver/internal/store"
)

// Trailers that clients turn into typed errors (src/EventStore.Core/Services/Transport/Grpc/Constants.cs).
const (
	trailerException = "exception"
	trailerStream    = "stream-name"
	trailerGroup     = "group-name"
	trailerExpected  = "expected-version"
	trailerActual    = "actual-version"
	trailerMaxAppend = "maximum-append-size"
	trailerRequired  = "required-metadata-properties"
	trailerReason    = "reason"
)

// refusal is an error with the status and trailers that it travels as.
type refusal struct {
	code     codes.Code
	message  string
	trailers []string // key, value, …
}

func (r *refusal) Error() string { return r.message }

func refuse(code codes.Code, message string, trailers ...string) *refusal {
	return &refusal{code: code, message: message, trailers: trailers}
}

func invalid(format string, args ...any) *refusal {
	return refuse(codes.InvalidArgument, fmt.Sprintf(format, args...))
}

func tooLarge(limit int) *refusal {
	return refuse(codes.InvalidArgument, fmt.Sprintf("Maximum Append Size of %d Exceeded.", limit),
		trailerException, "maximum-append-size-exceeded", trailerMaxAppend, strconv.Itoa(limit))
}

func accessDenied() *refusal {
	return refuse(codes.PermissionDenied, "Access Denied", trailerException, "access-denied")
}

func streamDeleted(stream string) *refusal {
	return refuse(codes.FailedPrecondition, fmt.Sprintf("Event stream '%s' is deleted.", stream),
		trailerException, "stream-deleted", trailerStream, stream)
}

func wrongVersion(e *store.WrongExpectedError) *refusal {
	return refuse(codes.FailedPrecondition,
		fmt.Sprintf("Append failed due to WrongExpectedVersion. Stream: %s, Expected version: %d, Actual version: %d",
			e.Stream, e.Expected, e.Current),
		trailerException, "wrong-expected-version", trailerStream, e.Stream,
		trailerExpected, strconv.FormatInt(e.Expected, 10), trailerActual, strconv.FormatInt(e.Current, 10))
}

// errClosing ends subscriptions when the server stops. Clients reconnect on it.
var errClosing = refuse(codes.Unavailable, "Server is shutting down")

// asRefusal classifies any error of a call.
func asRefusal(err error) *refusal {
	var (
		r       *refusal
		deleted *store.StreamDeletedError
		wrong   *store.WrongExpectedError
	)
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &deleted):
		return streamDeleted(deleted.Stream)
	case errors.As(err, &wrong):
		return wrongVersion(wrong)
	case errors.Is(err, store.ErrClosed):
		return errClosing
	case errors.Is(err, store.ErrUnavailable):
		// Aborted is what the official server answers when it could not write in time: the outcome is unknown.
		return refuse(codes.Aborted, "Operation timed out: the event could not be written")
	case errors.Is(err, context.Canceled):
		return refuse(codes.Canceled, "Canceled")
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(codes.DeadlineExceeded, "Deadline exceeded")
	}
	return nil
}

// fail turns an error into the status to return, and sets its trailers with set.
func (s *Server) fail(err error, set func(metadata.MD)) error {
	if err == nil {
		return nil
	}
	r := asRefusal(err)
	if r == nil {
		if _, ok := status.FromError(err); ok {
			return err // from gRPC itself, such as a failed Send
		}
		s.cfg.Logger.Error("event store call", "error", err)
		return status.Error(codes.Unknown, "Internal error")
	}
	if len(r.trailers) > 0 {
		md := metadata.MD{}
		for i := 0; i+1 < len(r.trailers); i += 2 {
			md.Append(r.trailers[i], printable(r.trailers[i+1]))
		}
		set(md)
	}
	return status.Error(r.code, r.message)
}

func (s *Server) failStream(err error, stream grpc.ServerStream) error {
	return s.fail(err, stream.SetTrailer)
}

func (s *Server) failUnary(ctx context.Context, err error) error {
	return s.fail(err, func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) })
}

// printable percent-encodes what may not stand in a trailer. Ordinary names go through unchanged.
func printable(v string) string {
	var b strings.Builder
	for i := range len(v) {
		if c := v[i]; c < 0x20 || c > 0x7e || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
