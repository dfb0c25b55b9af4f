// Package commands is the one write path: a generic executor that authorises, loads, decides and appends, and
// the facts that commands need from other streams. It declares the ports it uses; infra implements them.
// Rules live in domain, never here.
package commands
