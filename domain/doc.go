// Package domain holds what every aggregate shares: errors with a kind, the actor of a command, and a
// recorded event with its metadata. Its sub-packages are the aggregates, one folder each, and pure:
// no I/O, no clock, no randomness. Nothing here may import a package of ours outside domain.
package domain
