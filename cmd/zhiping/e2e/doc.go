// Package e2e holds the tests of the whole program: the binary over HTTP, in processes of its own, and nodes in the test's
// process where a test moves the clock or breaks a part. Files are grouped by promise: journey (a declaration's way),
// contract (what every route keeps), signin, operate (the commands of operators) and nodes (several nodes, crashes). What
// needs neither a process nor the network is tested in the package that it belongs to.
package e2e
