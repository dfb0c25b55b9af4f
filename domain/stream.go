package domain

import (
	"strings"

	"github.com/google/uuid"
)

// Categories of our streams: the part of a stream's name before its first dash, which is EventStoreDB's convention.
const (
	CategoryUnit         = "unit"
	CategoryBinding      = "binding"
	CategoryNotice       = "notice"
	CategoryDeclaration  = "declaration"
	CategoryOrganization = "organization"
	CategoryQuota        = "quota"
	CategoryAccount      = "account"
)

// Stream names a stream.
func Stream(category, id string) string { return category + "-" + id }

// SplitStream is the inverse of Stream. It splits at the first dash only, since ids contain dashes.
func SplitStream(stream string) (category, id string) {
	category, id, _ = strings.Cut(stream, "-")
	return category, id
}

// namespace makes our name-based ids distinct from everyone else's.
var namespace = uuid.MustParse("6f1c1e0a-6e0f-5d0b-9a37-2f4b8f0e7c11")

// DerivedID is the UUIDv5 of its parts. The same parts give the same id on every node and in every retry.
func DerivedID(parts ...string) uuid.UUID {
	return uuid.NewSHA1(namespace, []byte(strings.Join(parts, "\x1f")))
}

// DeclarationID is where “once per notice” lives: a second declaration of the same applicant for the same
// notice has the same stream (design decision 8).
func DeclarationID(notice uuid.UUID, applicant string) uuid.UUID {
	return DerivedID(CategoryDeclaration, notice.String(), applicant)
}
