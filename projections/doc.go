// Package projections turns events into view documents. A projection is a pure fold of events over documents;
// the Projector runs all of them on one subscription and commits documents and checkpoints together, so that a
// view is always exactly the fold of the events up to its checkpoint. It may import domain and readmodels, and
// declares the feed of events that it needs; infra implements it.
//
// To add a projection: its document and View in readmodels/views, its fold in the file of the same name in
// projections/folds, a line in folds.All. To change what a fold makes, raise its view's Version: the projector
// builds the new version beside the live one and swaps it in when it has caught up.
//
// # What a fold may rely on
//
// Events come once each, in the order of $all. A document got from Docs is the fold's own copy until Apply
// returns; documents are stored only when the whole batch was folded, and never by an Apply that fails.
//
// # What it must do
//
// It must be deterministic: no clock, no randomness, no I/O. A rebuild must give the same documents, and
// batches are folded again after a crash. Side effects (mail, notifications) belong to reactions, not here.
package projections
