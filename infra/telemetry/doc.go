// Package telemetry counts, times, traces and logs what the program does: Metrics are Prometheus figures in a registry of
// their own, Tracing is an OpenTelemetry provider of its own, LogHandler makes each log line name its request. None touches a global. Other packages declare small
// observers of what they do, which know nothing of Prometheus; the observers are implemented here. It may import any
// package of ours outside cmd and http for their observers.
//
// To add a figure: a field and its constructor in metrics.go, the method that feeds it, and a panel in
// dashboard.json; a test fails for a panel that asks for what is not there.
package telemetry
