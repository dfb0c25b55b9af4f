package domain

// Usage is what a stream holds by now. Aggregates whose streams anybody may lengthen refuse to go beyond their bounds.
type Usage struct {
	Events     int   // all of them
	ThisHour   int   // those of the running hour of the clock, UTC
	Bytes      int64 // of data and content that events brought, by the aggregate's own measure
	BytesToday int64 // those of the running day, UTC
}
