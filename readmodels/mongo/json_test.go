package mongo

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

func throughBSON(t testing.TB, doc any) []byte {
	v, err := toBSON(doc)
	require.NoError(t, err)
	raw, err := bson.Marshal(bson.D{{Key: "doc", Value: v}})
	require.NoError(t, err)
	text, err := fromBSON(bson.Raw(raw).Lookup("doc"))
	require.NoError(t, err)
	return text
}

func TestDocumentsSurviveBSON(t *testing.T) {
	type doc struct {
		At      time.Time
		Raw     json.RawMessage
		Big     uint64
		Small   int64
		Float   float64
		Names   map[string]int
		Nothing *int
		List    [][]string
	}
	want := doc{
		At:  time.Date(2026, 11, 23, 1, 2, 3, 456_789_012, time.FixedZone("CST", 8*3600)),
		Raw: json.RawMessage(`{"$date":"x","a.b":{"":null},"％d":1e100,"n":-0.5}`),
		Big: math.MaxUint64, Small: math.MinInt64, Float: 1.0 / 3, Names: map[string]int{"$": 1, ".": 2, "％": 3, "": 4, "％e": 5},
		List: [][]string{{"<>&", "\u2028"}, {}},
	}
	text, err := json.Marshal(want)
	require.NoError(t, err)
	require.JSONEq(t, string(text), string(throughBSON(t, want)))
	var got doc
	require.NoError(t, json.Unmarshal(throughBSON(t, want), &got))
	require.Equal(t, want.Big, got.Big)
	require.Equal(t, want.Small, got.Small)
	require.True(t, want.At.Equal(got.At))
	_, err = toBSON(map[string]int{"a\x00b": 1})
	require.Error(t, err)
}

func FuzzBSON(f *testing.F) {
	for _, s := range []string{`{}`, `[1,-1.5e3,"x",null,true,{"a":[{}]}]`, `{"$a.b":{"％":""}}`, `18446744073709551615`, `"\u0000"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var v any
		if json.Unmarshal([]byte(s), &v) != nil {
			return
		}
		want, err := json.Marshal(v)
		require.NoError(t, err)
		if b, err := toBSON(v); err != nil || b == nil {
			return // a zero byte in a name
		}
		require.JSONEq(t, string(want), string(throughBSON(t, v)))
	})
}
