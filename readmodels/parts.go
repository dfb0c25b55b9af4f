package readmodels

import (
	"encoding/hex"
	"hash/fnv"

	"github.com/google/uuid"

	"zhiping/domain"
)

// Parts is how many parts all streams are divided into. History is folded one part after the other, and what is counted
// over many streams is counted part by part. Another number needs other versions of the views that count so.
const Parts = 64

// PartOf is the part that a stream is of, from 0 to Parts-1. Streams whose ids are next to each other are of one part, so
// that their documents are neighbours in the store too.
func PartOf(stream string) int {
	_, id := domain.SplitStream(stream)
	var first [1]byte
	if _, err := uuid.Parse(id); err == nil {
		if _, err := hex.Decode(first[:], []byte(id[:2])); err == nil {
			return int(first[0]) * Parts / 256
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(stream))
	return int(h.Sum32() % Parts)
}
