package node

import (
	"os"
	"runtime/debug"
)

// TuneCollector lets the heap of a process that is nothing but an event store grow further between collections. Its
// live heap is small and its garbage plenty, so by default a quarter of its processor time goes to collecting. The
// limit keeps that within what the store may take. GOGC and GOMEMLIMIT in the environment have precedence. In serve the
// collector takes 6 %, and the memory is the views': there it stays as it is.
func TuneCollector() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(300)
		debug.SetMemoryLimit(400 << 20)
	}
}
