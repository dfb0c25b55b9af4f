// Package http is the edge: it serves the HTTP contract on Fiber, with an OpenAPI document made from the handlers'
// own types. A handler parses, calls the executor or a query, and renders; rules live elsewhere. One file a resource.
//
// To add a route: a handler in its resource's file, registered there with the action that the policy table knows.
package http
