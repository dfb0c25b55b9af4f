// Package organization is a node of the tree of organizations, with its officers: a bureau, a department below it, a
// review committee, and a recommending unit as far as its officers go (that a unit is registered and approved is
// package unit's). Who may act for whom is a fact that must be provable years later, so every grant is an event;
// names of people are not in them, since accounts must be deletable. The package is pure and imports domain only.
package organization
