// Package identity is the built-in identity provider: accounts, passwords, one-time codes, captchas, QR tickets
// and sessions, in an SQLite file of its own or, for
// several machines, in a PostgreSQL that they share. Accounts are not events, because a password, a phone number and an
// identity number must be deletable. Grants are: those that are kept here follow from the event store, and from nowhere
// else (see Follow), but for the role of an applicant, which registering gives.
//
// What a stolen copy of the database gives away is kept small: session tokens are stored hashed, one-time codes,
// captcha answers and look-up keys under a keyed hash, passwords under argon2id of a keyed hash, and identity
// numbers encrypted. The keys come from Config.Pepper, or from a key file beside the database, which belongs in a
// different backup.
//
// Sessions are revocable at once on every process that shares the file or the PostgreSQL: see Authenticate. What is
// counted there (throttles, tries of a code, quotas) is counted for all nodes together; only the turns that attempts on
// one account take are each node's own, so that as many more guesses at once as there are nodes can pass a brake. Nodes
// judge times by their own clocks, which must be kept together.
//
// The package may import domain and the ports of projections, and nothing else of ours. To add one more thing that people do
// here: a request struct and a method on Provider in a file of its own, writing through Provider.write so that its
// audit record commits with it, and its errors in errors.go with their sentences in domain/text.
package identity
