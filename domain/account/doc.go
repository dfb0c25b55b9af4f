// Package account is the roles that an account holds itself, beside those that it holds as an organization's officer
// (package organization): admin, auditor and analyst as somebody gives them here, and whatever an OpenID provider's claims
// say of a person. Who might do what must be provable years later, so every grant and every revocation is an event. Who
// the account belongs to is in none, since accounts must be deletable; what registration makes of everybody, an applicant,
// is nobody's grant. The package is pure and imports domain only.
package account
