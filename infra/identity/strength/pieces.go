package strength

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// frequent.LICENSE.txt says where the list is from.
//
//go:embed frequent.txt.gz
var frequentList []byte

//go:embed local.txt
var localList string

// localCost is what each entry of local.txt costs: there are some hundreds.
const localCost = 2

// costs is what each entry of both lists costs: the power of ten of its rank. It is read-only.
var costs = sync.OnceValue(func() map[string]float64 {
	m := make(map[string]float64, 50_000)
	z, err := gzip.NewReader(bytes.NewReader(frequentList))
	if err != nil {
		panic("strength: the embedded list: " + err.Error()) // a test reads it
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic("strength: the embedded list: " + err.Error())
	}
	rank := 9.0
	for line := range strings.Lines(string(text)) {
		rank++
		m[strings.TrimSpace(line)] = math.Log10(rank)
	}
	for line := range strings.Lines(localList) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			m[line] = localCost
		}
	}
	return m
})

func listed(s string) (float64, bool) {
	cost, ok := costs()[s]
	return cost, ok
}

// run is one character again and again, or characters in order, such as 23456 or fedcba.
func run(s string) (float64, bool) {
	if len(s) < 3 {
		return 0, false
	}
	step := int(s[1]) - int(s[0])
	if step < -2 || step > 2 {
		return 0, false
	}
	for i := 1; i < len(s); i++ {
		if int(s[i])-int(s[i-1]) != step {
			return 0, false
		}
	}
	return 1.5, true
}

// layouts are the ways to write a date.
var layouts = []string{"20060102", "02012006", "060102", "0102", "2006"}

// date is a day that somebody may have been born on or will remember, or its parts.
func date(s string) (float64, bool) {
	if len(s) < 4 || len(s) > 8 || strings.ContainsFunc(s, func(c rune) bool { return c < '0' || c > '9' }) {
		return 0, false
	}
	for _, layout := range layouts {
		at, err := time.Parse(layout, s)
		if err != nil || strings.Contains(layout, "2006") && (at.Year() < 1930 || at.Year() > 2049) {
			continue
		}
		switch layout {
		case "2006":
			return 2, true
		case "0102":
			return 2.6, true
		}
		return 4.6, true
	}
	if n, err := strconv.Atoi(s); err == nil && len(s) == 6 && n/100 >= 1930 && n/100 <= 2049 && n%100 >= 1 && n%100 <= 12 { // year and month
		return 3.1, true
	}
	return 0, false
}

// keyboards are keys in rows; one that is missing in a row is a space. Rows of letters stand half a key to the right of the
// row above them.
var keyboards = [][]string{
	{"`1234567890-=", " qwertyuiop[]", " asdfghjkl;'", " zxcvbnm,./"},
	{"789", "456", "123", " 0 "},
}

// beside lists the keys around each key. It is read-only.
var beside = sync.OnceValue(func() map[byte][]byte {
	m := map[byte][]byte{}
	for _, rows := range keyboards {
		for y, row := range rows {
			for x := range len(row) {
				for _, d := range [][2]int{{-1, 0}, {1, 0}, {0, -1}, {1, -1}, {-1, -1}, {0, 1}, {-1, 1}, {1, 1}} {
					x2, y2 := x+d[0], y+d[1]
					if y2 >= 0 && y2 < len(rows) && x2 >= 0 && x2 < len(rows[y2]) && rows[y2][x2] != ' ' && row[x] != ' ' {
						m[row[x]] = append(m[row[x]], rows[y2][x2])
					}
				}
			}
		}
	}
	return m
})

// walk is keys beside each other, four or more, or three in a row of letters, such as qwe, 1qaz, 2580.
func walk(s string) (float64, bool) {
	if len(s) < 3 {
		return 0, false
	}
	turns := 0
	for i := 1; i < len(s); i++ {
		if !slices.Contains(beside()[s[i-1]], s[i]) {
			return 0, false
		}
		if i > 1 && heading(s[i-2], s[i-1]) != heading(s[i-1], s[i]) {
			turns++
		}
	}
	if len(s) == 3 && turns > 0 {
		return 0, false
	}
	return 1.8 + 0.5*float64(turns), true
}

// heading is where the next key lies, on the first keyboard that has both.
func heading(from, to byte) [2]int {
	for _, rows := range keyboards {
		x1, y1, ok1 := place(rows, from)
		x2, y2, ok2 := place(rows, to)
		if ok1 && ok2 {
			return [2]int{x2 - x1, y2 - y1}
		}
	}
	return [2]int{}
}

func place(rows []string, key byte) (x, y int, ok bool) {
	for y, row := range rows {
		if x := strings.IndexByte(row, key); x >= 0 {
			return x, y, true
		}
	}
	return 0, 0, false
}
