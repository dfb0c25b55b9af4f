package catalogtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// node is one place of a schema.
type node map[string]any

func parse(schema json.RawMessage) node {
	n := node{}
	if err := json.Unmarshal(schema, &n); err != nil {
		panic(fmt.Sprintf("catalogtest: schema: %v", err)) // Compile refuses such a definition before
	}
	return n
}

func (n node) properties() map[string]node {
	props, _ := n["properties"].(map[string]any)
	out := make(map[string]node, len(props))
	for k, v := range props {
		if sub, ok := v.(map[string]any); ok {
			out[k] = sub
		}
	}
	return out
}

func (n node) items() node {
	sub, _ := n["items"].(map[string]any)
	return sub
}

func (n node) text(key string) string {
	s, _ := n[key].(string)
	return s
}

func (n node) number(key string) (int, bool) {
	f, ok := n[key].(float64)
	return int(f), ok
}

// forbidden are the fields that may not be filled in where a condition holds, as a part of allOf says.
func (n node) forbidden() (condition node, names []string) {
	parts, _ := n["allOf"].([]any)
	for _, p := range parts {
		part, _ := p.(map[string]any)
		then, _ := part["then"].(map[string]any)
		props, _ := then["properties"].(map[string]any)
		for name, sub := range props {
			if sub == false {
				condition, _ = part["if"].(map[string]any)
				names = append(names, name)
			}
		}
	}
	return condition, names
}

// matches tells whether data has one of the values of a condition's enumerations.
func matches(condition node, data map[string]any) bool {
	for name, sub := range condition.properties() {
		if values, _ := sub["enum"].([]any); !slices.Contains(values, data[name]) {
			return false
		}
	}
	return len(condition) > 0
}

// object fills in every property; which tells entries and people apart, 0 being the applicant or the first entry.
func object(n node, which int) map[string]any {
	o := map[string]any{}
	for name, sub := range n.properties() {
		o[name] = value(name, sub, which)
	}
	return o
}

func value(name string, n node, which int) any {
	if c, ok := n["const"]; ok {
		return c
	}
	if examples, ok := n["examples"].([]any); ok && len(examples) > 0 {
		return examples[0]
	}
	if list, ok := n["enum"].([]any); ok && len(list) > 0 {
		return choice(name, list)
	}
	switch n.text("type") {
	case "object":
		return object(n, which)
	case "array":
		return list(name, n, which)
	case "integer", "number":
		return number(name, n, which)
	case "boolean":
		return name != "none" // a form that has something to tell is the harder one
	}
	return str(name, n, which)
}

// qualifying are the values that rules ask for, by field.
var qualifying = map[string]string{
	"sex": "男", "category": "normal", "grade": "优秀", "titleLevel": "正高级", "level": "正高级", "employment": "在编", "position": "董事长",
}

// Qualifying lists those values.
func Qualifying() map[string]string { return maps.Clone(qualifying) }

// choice prefers what qualifies.
func choice(name string, list []any) any {
	for _, v := range list {
		if v == qualifying[name] {
			return v
		}
	}
	return list[0]
}

// list has three entries where it may, since rules ask for the last three years and the like.
func list(name string, n node, which int) []any {
	count := 3
	if least, ok := n.number("minItems"); ok && least > count {
		count = least
	}
	if most, ok := n.number("maxItems"); ok && most < count {
		count = most
	}
	out := make([]any, 0, count)
	for i := range count {
		out = append(out, value(name, n.items(), which+i))
	}
	return out
}

func number(name string, n node, which int) int {
	v := 1
	switch {
	case name == "year" || strings.HasSuffix(name, "Year"):
		v = 2023 - which
	case strings.Contains(strings.ToLower(name), "hours"):
		v = 120
	case strings.Contains(strings.ToLower(name), "years"):
		v = 30
	}
	if least, ok := n.number("minimum"); ok && v < least {
		v = least
	}
	if most, ok := n.number("maximum"); ok && v > most {
		v = most
	}
	return v
}

// str is a string of the format, pattern and length that the schema asks for.
func str(name string, n node, which int) string {
	switch n.text("format") {
	case "cn-id":
		return person(which)
	case "uscc":
		return "12220000127701509T"
	case "cn-mobile":
		return fmt.Sprintf("138%08d", 44310000+which)
	case "date":
		return date(name, which) + "-01"
	case "year-month":
		return date(name, which)
	}
	s := map[string]string{"name": people(which), "unit": fmt.Sprintf("省立大学第%d附属单位", which), "speciality": "计算机应用", "subject": "计算机应用"}[name]
	if s == "" {
		s = fmt.Sprintf("示例内容%d", which+1)
	}
	if p := n.text("pattern"); p != "" {
		s = matching(p, s)
	}
	if least, ok := n.number("minLength"); ok {
		for utf8.RuneCountInString(s) < least {
			s += "，示例内容"
		}
	}
	if most, ok := n.number("maxLength"); ok && utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most])
	}
	return s
}

// matching tries what patterns of forms usually ask for; a schema with a rarer pattern brings its own examples.
func matching(pattern, preferred string) string {
	re := regexp.MustCompile(pattern)
	for _, s := range []string{preferred, "2020", "2020-01", "1234", "20200001", "ZL202010000000.1", "ABC-0001", "示例"} {
		if re.MatchString(s) {
			return s
		}
	}
	panic(fmt.Sprintf("catalogtest: no example for the pattern %s; give the schema `examples`", pattern))
}

// date lies far enough back for every tenure that rules ask for, in the order in which such dates follow.
func date(name string, which int) string {
	lower := strings.ToLower(name)
	year := 2000
	switch {
	case strings.Contains(lower, "birth"):
		return "1975-01"
	case strings.HasPrefix(lower, "to") || strings.Contains(lower, "end") || strings.Contains(lower, "graduat"):
		year = 2022
	case strings.Contains(lower, "publish") || strings.Contains(lower, "award") || name == "date":
		year = 2023
	case strings.Contains(lower, "appoint"):
		year = 2001
	}
	return fmt.Sprintf("%d-%02d", year, which%12+1)
}

func people(which int) string {
	if which == 0 {
		return "王小明"
	}
	return "李专家" + string([]rune("甲乙丙丁戊己庚辛")[which%8])
}

// person is an identity number that can exist: of a man born on 1975-01-01, another for every person.
func person(which int) string {
	body := fmt.Sprintf("22010219750101%03d", which*2+1)
	sum := 0
	for i, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(body[i]-'0') * w
	}
	return body + string("10X98765432"[sum%11])
}
