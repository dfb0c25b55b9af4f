//go:build unix

package node

import "syscall"

// fileLimit is how many files the process may have open; 0 where that is not known.
func fileLimit() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return l.Cur
}
