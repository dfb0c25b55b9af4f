//go:build long

package projections_test

const kills = 100
