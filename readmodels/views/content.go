package views

import (
	"encoding/json"

	"zhiping/domain/declaration"
	"zhiping/readmodels"
)

// Content is what the applicant has entered. It is apart from the Timeline because it is large, and reviewing, which
// touches a declaration many times, does not change it.
type Content struct {
	SelfCheck    map[string]bool            `json:"selfCheck,omitempty"`
	Modules      map[string]json.RawMessage `json:"modules,omitempty"`
	Files        []declaration.File         `json:"files,omitempty"`
	Recommenders []declaration.Recommender  `json:"recommenders,omitempty"`
	Revision     uint64                     `json:"revision"` // of the last event that changed it
}

// Contents is read by declaration id only.
var Contents = readmodels.View[Content]{Name: "content", Version: 1}
