package identity

import (
	"errors"
	"math"
	"time"

	"zhiping/domain"
	"zhiping/domain/text"
)

// What the provider refuses with. Unknown accounts, wrong passwords and accounts without a password are all
// ErrBadCredentials, so that an answer never tells who has an account.
var (
	ErrNotSignedIn     = domain.ErrNotSignedIn
	ErrBadCredentials  = domain.NewError(domain.Unauthenticated, "bad_credentials")
	ErrCaptchaRequired = domain.NewError(domain.Unauthenticated, "captcha_required")
	ErrCaptchaWrong    = domain.NewError(domain.Unauthenticated, "captcha_wrong")
	ErrLockedOut       = domain.NewError(domain.Limited, "locked_out")
	ErrTooMany         = domain.ErrTooManyRequests
	ErrBusy            = domain.NewError(domain.Unavailable, "identity_busy")
	ErrStoreAway       = domain.NewError(domain.Unavailable, "identity_store_unavailable")
	ErrAccountDisabled = domain.NewError(domain.Forbidden, "account_disabled")
	ErrSignInElsewhere = domain.ErrSignInElsewhere
	ErrCodeWrong       = domain.NewError(domain.Invalid, "code_wrong")
	ErrCodeTooSoon     = domain.NewError(domain.Limited, "code_too_soon")
	ErrAccountExists   = domain.NewError(domain.Conflict, "account_exists")
	ErrIDNumberTaken   = domain.NewError(domain.Conflict, "id_number_taken")
	ErrIdentityFrozen  = domain.NewError(domain.Conflict, "identity_frozen")
	ErrIdentityUnknown = domain.NewError(domain.Invalid, "identity_mismatch")
	ErrQRExpired       = domain.NewError(domain.Conflict, "qr_expired")
	ErrQRNotScanned    = domain.NewError(domain.Conflict, "qr_not_scanned")
	ErrSignInFailed    = domain.NewError(domain.Unauthenticated, "sign_in_failed")
)

// after adds how long to wait, in whole seconds, which the sentence names and Retry-After repeats.
func after(e *domain.Error, wait time.Duration) *domain.Error {
	return e.With(text.Args{"seconds": max(1, int(math.Ceil(wait.Seconds())))})
}

// RetryAfter tells how long the caller should wait, when the error says so.
func RetryAfter(err error) (time.Duration, bool) {
	var e *domain.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	n, ok := e.Args["seconds"].(int)
	return time.Duration(n) * time.Second, ok
}
