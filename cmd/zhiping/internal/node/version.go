package node

import (
	"runtime/debug"
	"strings"
)

// Version names this program: the module's version or, built from a checkout, its revision, with +dirty where files were
// changed.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision == "" {
		return "devel"
	}
	at, _, _ := strings.Cut(settings["vcs.time"], "T")
	version := "devel-" + revision[:min(12, len(revision))] + "-" + at
	if settings["vcs.modified"] == "true" {
		version += "+dirty"
	}
	return strings.TrimSuffix(version, "-")
}
