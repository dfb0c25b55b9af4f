package world

import (
	"regexp"
)

var Han = regexp.MustCompile(`\p{Han}`)
