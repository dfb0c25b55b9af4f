package readmodels

import (
	"strings"

	"github.com/go-json-experiment/json"
	v1 "github.com/go-json-experiment/json/v1"
)

// asStandard reads and writes what encoding/json would. Only faults are told otherwise: telling them as it does takes
// a look at the whole text first.
var asStandard = json.JoinOptions(v1.DefaultOptionsV1(), v1.ReportErrorsWithLegacySemantics(false))

// EncodeDocument is a document as stores keep it: the JSON that encoding/json would make, in less time.
func EncodeDocument(doc any) (string, error) {
	var text strings.Builder
	err := json.MarshalWrite(&text, doc, asStandard)
	return text.String(), err
}

// DecodeDocument reads what EncodeDocument made, as encoding/json would, in less than half the time: most of what a
// rebuild does is reading JSON.
func DecodeDocument(text []byte, doc any) error { return json.Unmarshal(text, doc, asStandard) }
