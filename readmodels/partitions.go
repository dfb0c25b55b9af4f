package readmodels

import (
	"encoding/hex"
	"hash/fnv"

	"github.com/google/uuid"

	"zhiping/domain"
)

// Partitions is how many partitions all streams are divided into. History is folded one partition after the other, and
// what is counted over many streams is counted by partition. Another number needs other versions of the views that count so.
const Partitions = 64

// PartitionOf is the partition of a stream, from 0 to Partitions-1. Streams whose ids are next to each other share one, so
// that their documents are neighbours in the store too.
func PartitionOf(stream string) int {
	_, id := domain.SplitStream(stream)
	var first [1]byte
	if _, err := uuid.Parse(id); err == nil {
		if _, err := hex.Decode(first[:], []byte(id[:2])); err == nil {
			return int(first[0]) * Partitions / 256
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(stream))
	return int(h.Sum32() % Partitions)
}
