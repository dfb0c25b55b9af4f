// Package text is the one catalogue of the sentences that people read, Chinese first with English beside it.
// Nothing else in the program holds a user-facing sentence, except the catalog definitions' own titles.
package text

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// Text is one sentence in both languages.
type Text struct {
	ZH string `json:"zh" yaml:"zh"`
	EN string `json:"en" yaml:"en"`
}

// In picks the language: English for "en", Chinese for everything else.
func (t Text) In(lang string) string {
	if lang == "en" && t.EN != "" {
		return t.EN
	}
	return t.ZH
}

// Same is a text that reads the same in both languages, such as a name or a number.
func Same(s string) Text { return Text{ZH: s, EN: s} }

// Args fill the {name} places of a sentence. Values are strings, integers or Text.
type Args map[string]any

// List joins values as they are listed in a sentence.
func List[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}

//go:embed messages.yaml
var messages []byte

// catalogue is parsed once, at its first use: it is embedded and a test parses it, so it cannot fail later.
var catalogue = sync.OnceValue(func() map[string]Text {
	m := map[string]Text{}
	if err := yaml.Unmarshal(messages, &m); err != nil {
		panic(fmt.Sprintf("text: embedded catalogue: %v", err))
	}
	return m
})

// Has tells whether the catalogue knows the key.
func Has(key string) bool { _, ok := catalogue()[key]; return ok }

// Keys lists the catalogue's keys in alphabetical order, so that what is made of them is the same in every process.
func Keys() []string { return slices.Sorted(maps.Keys(catalogue())) }

// Of renders the sentence for key. An unknown key renders as itself, and a test makes sure that none is used.
func Of(key string, args Args) Text {
	t, ok := catalogue()[key]
	if !ok {
		return Same(key)
	}
	if len(args) == 0 {
		return t
	}
	return Text{ZH: fill(t.ZH, args, "zh"), EN: fill(t.EN, args, "en")}
}

func fill(s string, args Args, lang string) string {
	pairs := make([]string, 0, 2*len(args))
	for k, v := range args {
		if t, ok := v.(Text); ok {
			v = t.In(lang)
		}
		pairs = append(pairs, "{"+k+"}", fmt.Sprint(v))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}
