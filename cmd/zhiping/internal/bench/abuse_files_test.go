package bench

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/infra/blobs"
)

// A file that no reader opens would prove nothing: the pictures of the attacks are pictures.
func TestThePictureOfEmptyScansIsAPicture(t *testing.T) {
	for _, scans := range []int{0, 1, 7} {
		picture, err := jpeg.Decode(bytes.NewReader(emptyScansJPEG(1001, scans)))
		require.NoError(t, err, scans)
		require.Equal(t, image.Pt(1001, 1001), picture.Bounds().Size())
	}
}

func TestThePDFThatNamesOneStreamAgainIsAPDF(t *testing.T) {
	store, err := blobs.Open(t.Context(), blobs.Config{URL: "mem://"})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	for _, file := range [][]byte{plainPDF("note"), repeatedStreamPDF(1000, 2)} {
		_, err := store.Put(t.Context(), bytes.NewReader(file), blobs.Limit{MaxBytes: 1 << 20, Types: []string{"application/pdf"}})
		require.NoError(t, err)
	}
}

func TestResultsOfSeveralRunsKeepTheWorst(t *testing.T) {
	var r abuseResult
	r.add(time.Second, 10, []wait{{took: 5e6}, {took: 1e6, failed: true}}, nil)
	r.add(time.Second, 7, []wait{{took: 2e6}}, errMemory)
	r.add(time.Second, 9, nil, nil)
	require.Equal(t, abuseResult{Runs: 3, Seconds: 3, PeakMiB: 10, P50: 5, P99: 5, Failures: 1, Faults: errMemory.Error()}, r)
}
