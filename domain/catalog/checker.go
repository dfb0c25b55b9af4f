package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"zhiping/domain"
	"zhiping/domain/text"
)

// recommendersModule is where recommenders and their slots belong; it is no module of its own.
const recommendersModule = "recommenders"

// Checker is a compiled definition. It is immutable and safe for concurrent use; compiling is slow, so callers keep it.
type Checker struct {
	def         Definition
	schemas     map[string]*schema
	recommender *schema
	open        *condition // nil: the type has no recommenders
	slotWhen    map[string]*condition
	rules       []compiledRule
	ofExperts   []compiledRule
}

// Compile compiles a definition's schemas and rules, and joins all faults in it.
func Compile(d Definition) (*Checker, error) {
	env, err := newEnvironment(d)
	if err != nil {
		return nil, err
	}
	c := &Checker{def: d, schemas: map[string]*schema{}, slotWhen: map[string]*condition{}}
	var errs []error
	for _, m := range d.Modules {
		s, err := compileSchema(m.Key, m.Schema)
		c.schemas[m.Key] = s
		errs = append(errs, part("modules", m.Key, err))
	}
	for _, s := range d.Slots {
		if s.When != "" {
			c.slotWhen[s.Key], err = env.compile(s.When)
			errs = append(errs, part("slots", s.Key, err))
		}
		if _, ok := c.schemas[s.Module]; !ok && s.Module != recommendersModule {
			errs = append(errs, part("slots", s.Key, fmt.Errorf("no module %s", s.Module)))
		}
	}
	c.rules, err = env.rules(d.Rules)
	errs = append(errs, err)
	if r := d.Recommender; r != nil {
		c.recommender, err = compileSchema(recommendersModule, r.Schema)
		errs = append(errs, part(recommendersModule, recommendersModule, err))
		c.open, err = env.compile(r.When)
		errs = append(errs, part(recommendersModule, recommendersModule, err))
		c.ofExperts, err = env.rules(r.Rules)
		errs = append(errs, part(recommendersModule, recommendersModule, err))
	}
	if len(d.Route) == 0 {
		errs = append(errs, errors.New("no review route"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("catalog: %s v%d: %w", d.Type, d.Version, err)
	}
	return c, nil
}

func part(section, key string, err error) error {
	if err == nil {
		return nil
	}
	return &partError{section, key, err}
}

// Definition is what the checker was compiled from.
func (c *Checker) Definition() Definition { return c.def }

// CheckModule says what is wrong with a module's data even in a draft: types, formats, lengths and unknown fields.
// What is missing is not asked for.
func (c *Checker) CheckModule(module string, data json.RawMessage) []domain.Fault {
	s, ok := c.schemas[module]
	if !ok {
		f := domain.NewFault("unknown_module", text.Args{"module": module})
		f.Module = module
		return []domain.Fault{f}
	}
	return check(s, module, data, true)
}

// CheckRecommender is CheckModule for one recommender's data.
func (c *Checker) CheckRecommender(data json.RawMessage) []domain.Fault {
	if c.recommender == nil {
		f := domain.NewFault("unknown_module", text.Args{"module": recommendersModule})
		f.Module = recommendersModule
		return []domain.Fault{f}
	}
	return check(c.recommender, recommendersModule, data, true)
}

func check(s *schema, module string, data json.RawMessage, draft bool) []domain.Fault {
	m, fault := decode(data)
	var faults []domain.Fault
	if fault != nil {
		faults = []domain.Fault{*fault}
	} else {
		faults = s.faults(m, draft)
	}
	for i := range faults {
		faults[i].Module = module
	}
	return faults
}

// RecommendersOpen tells whether the form as saved asks for recommenders.
func (c *Checker) RecommendersOpen(f Form) bool {
	return c.open != nil && c.open.holds(variables(c.def, f), false)
}

// Validate lists everything that still blocks submission, in the order of the form: modules with their slots, then
// recommenders, then rules. A rule is not asked about data of a type or form that its schema has refused already.
func (c *Checker) Validate(f Form) []domain.Fault {
	blocking, _ := c.judge(f)
	return blocking
}

// Warnings lists what does not keep from submitting and is for offices to decide: rules that cannot judge for certain.
func (c *Checker) Warnings(f Form) []domain.Fault {
	_, warnings := c.judge(f)
	return warnings
}

func (c *Checker) judge(f Form) (faults, warnings []domain.Fault) {
	vars := variables(c.def, f)
	for _, m := range c.def.Modules {
		data, saved := f.Modules[m.Key]
		switch {
		case saved:
			faults = append(faults, check(c.schemas[m.Key], m.Key, data, false)...)
		case m.Required:
			fault := domain.NewFault("module_missing", text.Args{"module": m.Name})
			fault.Module = m.Key
			faults = append(faults, fault)
		}
		faults = append(faults, c.slots(f, vars, m.Key, "")...)
	}
	ofExperts, warnings := c.recommenders(f, vars)
	faults = append(faults, ofExperts...)
	wrong := map[string]bool{}
	for _, fault := range faults {
		wrong[fault.Module] = wrong[fault.Module] || !asksForMore(fault)
	}
	for _, r := range c.rules {
		switch {
		case wrong[r.Module]:
		case r.Warning:
			warnings = append(warnings, r.faults(vars, nil)...)
		default:
			faults = append(faults, r.faults(vars, nil)...)
		}
	}
	return faults, warnings
}

// asksForMore tells whether what is there is right, as far as it goes: rules can be asked about it, so that the
// applicant hears of everything at once.
func asksForMore(f domain.Fault) bool {
	switch f.Code {
	case "required", "min_items", "min_length", "module_missing", "slot_missing", "recommender_count":
		return true
	}
	return false
}

// RequiredSlots tells in which slots the form as saved asks for a file; in the experts' slots, for each expert. All are
// judged at once, because reading the form costs more than judging.
func (c *Checker) RequiredSlots(f Form) map[string]bool {
	vars := variables(c.def, f)
	open := c.open != nil && c.open.holds(vars, false)
	out := map[string]bool{}
	for _, s := range c.def.Slots {
		if (s.Module != recommendersModule || open) && c.required(s, vars) {
			out[s.Key] = true
		}
	}
	return out
}

func (c *Checker) required(s Slot, vars map[string]any) bool {
	when := c.slotWhen[s.Key]
	return s.Required && (when == nil || when.holds(vars, false))
}

// slots lists the required files of a module, or of one recommender, that are not there.
func (c *Checker) slots(f Form, vars map[string]any, module, recommender string) []domain.Fault {
	var faults []domain.Fault
	for _, s := range c.def.Slots {
		if s.Module != module || !c.required(s, vars) {
			continue
		}
		if slices.ContainsFunc(f.Files, func(file File) bool { return file.Slot == s.Key && file.Recommender == recommender }) {
			continue
		}
		faults = append(faults, c.slotMissing(s, vars, recommender))
	}
	return faults
}

// slotMissing says which file is missing and, where it is asked for on a condition, why: with the slot's own sentence
// and what the condition looked at.
func (c *Checker) slotMissing(s Slot, vars map[string]any, recommender string) domain.Fault {
	fault := domain.NewFault("slot_missing", text.Args{"slot": s.Name})
	fault.Module, fault.Slot, fault.Recommender = s.Module, s.Key, recommender
	if s.Message.ZH != "" {
		fault.Message = s.Message
	}
	if when := c.slotWhen[s.Key]; when != nil {
		fault.Rule, fault.Inputs = s.Key, quote(vars, when.reads)
	}
	return fault
}

func (c *Checker) recommenders(f Form, vars map[string]any) (faults, warnings []domain.Fault) {
	if c.open == nil || !c.open.holds(vars, false) {
		return nil, nil // what was entered is kept, and not asked about
	}
	if rule := c.def.Recommender; len(f.Recommenders) != rule.Count {
		fault := domain.NewFault("recommender_count", text.Args{"count": rule.Count, "have": len(f.Recommenders)})
		if rule.Message.ZH != "" {
			fault.Message = rule.Message
		}
		fault.Module, fault.Inputs = recommendersModule, quote(vars, append(slices.Clip(c.open.reads), []string{recommendersModule}))
		faults = append(faults, fault)
	}
	for i, r := range f.Recommenders {
		for _, fault := range append(check(c.recommender, recommendersModule, r.Data, false), c.slots(f, vars, recommendersModule, r.ID)...) {
			fault.Recommender = r.ID
			fault.Message = text.Of("recommender.fault", text.Args{"n": i + 1, "message": fault.Message})
			faults = append(faults, fault)
		}
	}
	for _, r := range c.ofExperts {
		if r.Warning {
			warnings = append(warnings, r.faults(vars, f.Recommenders)...)
			continue
		}
		faults = append(faults, r.faults(vars, f.Recommenders)...)
	}
	return faults, warnings
}
