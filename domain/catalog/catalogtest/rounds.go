package catalogtest

import (
	"encoding/json"
	"slices"
	"strings"

	"zhiping/domain/catalog"
)

// Round is one module's data with many faults in it, none of which hides another.
type Round struct {
	Module string
	AtOnce bool // of all of its cases
	Cases  []Case
	Data   json.RawMessage

	group string
}

// Rounds breaks every constraint of every module's schema once, with as many faults at once as do not get into each
// other's way.
func Rounds(d catalog.Definition) []Round {
	var rounds []Round
	for _, m := range d.Modules {
		rounds = append(rounds, pack(m.Schema, 0, breaks(m.Key, m.Schema))...)
	}
	return rounds
}

// RecommenderRounds is Rounds for the form of a recommender.
func RecommenderRounds(d catalog.Definition) []Round {
	if d.Recommender == nil {
		return nil
	}
	return pack(d.Recommender.Schema, 1, breaks("recommenders", d.Recommender.Schema))
}

func pack(schema json.RawMessage, which int, cases []Case) []Round {
	var rounds []Round
	for _, c := range cases {
		i := slices.IndexFunc(rounds, func(r Round) bool { return r.takes(c) })
		if i < 0 {
			rounds, i = append(rounds, Round{Module: c.Module, AtOnce: c.AtOnce, group: c.group}), len(rounds)
		}
		rounds[i].Cases = append(rounds[i].Cases, c)
	}
	for i := range rounds {
		n := parse(schema)
		whole := object(n, which)
		rounds[i].allow(n, whole)
		for _, c := range rounds[i].Cases {
			c.change(whole)
		}
		rounds[i].Data = encode(whole)
	}
	return rounds
}

// allow leaves out the fields that may not be filled in as things are, or makes things so that they may where a case needs one.
func (r Round) allow(n node, whole map[string]any) {
	_, names := n.forbidden()
	for _, name := range names {
		if slices.ContainsFunc(r.Cases, func(c Case) bool { return c.Field == "/"+name }) {
			condition, _ := n["if"].(map[string]any)
			fulfil(condition, whole)
			return
		}
	}
	for _, name := range names {
		delete(whole, name)
	}
}

// takes tells whether a case changes nothing that another case of the round changes, and is found as early.
func (r Round) takes(c Case) bool {
	return r.AtOnce == c.AtOnce && r.group == c.group && !slices.ContainsFunc(r.Cases, func(have Case) bool {
		return strings.HasPrefix(have.touches, c.touches) || strings.HasPrefix(c.touches, have.touches)
	})
}
