package telemetry

import _ "embed"

// Dashboard is a Grafana dashboard of all figures, to be imported as it is.
//
//go:embed dashboard.json
var Dashboard []byte
