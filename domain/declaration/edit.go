package declaration

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/notice"
	"zhiping/domain/text"
)

// MaxFileNameBytes is what common file systems can hold, so that a downloaded file keeps its name.
const MaxFileNameBytes = 255

// editing is the guard of every edit: may this module be changed now?
func editing(s State, f Facts, module string) error {
	switch s.Status {
	case StatusDraft, StatusWithdrawn:
		if lapsed(s, f) {
			return notice.ErrClosed
		}
	case StatusReturned:
		if !s.Editable(module) {
			return ErrModuleLocked
		}
		if lapsed(s, f) {
			return ErrCorrectionOverdue
		}
	default:
		return ErrNotEditable
	}
	return bounded(f)
}

func saveModule(s State, f Facts, c SaveModule) ([]Event, error) {
	def := f.Checker.Definition()
	if !slices.ContainsFunc(def.Modules, func(m catalog.Module) bool { return m.Key == c.Module }) {
		return nil, ErrUnknownModule
	}
	if err := editing(s, f, c.Module); err != nil {
		return nil, err
	}
	if faults := f.Checker.CheckModule(c.Module, c.Data); len(faults) > 0 {
		return nil, domain.ErrInvalid.WithFaults(faults...)
	}
	data, err := compact(c.Data)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(data, s.Modules[c.Module]) {
		return nil, nil
	}
	if err := enterable(s, len(data)); err != nil {
		return nil, err
	}
	return []Event{ModuleSaved{Module: c.Module, Data: data}}, nil
}

// compact makes equal data equal bytes, as far as white space goes.
func compact(data json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return nil, domain.ErrInvalid.WithFaults(domain.NewFault("not_json", nil))
	}
	return b.Bytes(), nil
}

func attachFile(s State, f Facts, c AttachFile) ([]Event, error) {
	slot, err := Attachable(s, f, c.File)
	if err != nil {
		return nil, err
	}
	if err := fits(s, slot, c.File); err != nil {
		return nil, err
	}
	if err := attachable(f, c.File.Size); err != nil {
		return nil, err
	}
	return []Event{FileAttached(c)}, nil
}

// Attachable is the slot that a file would go to, or why none takes one now. Only the file's slot and recommender
// are looked at, so that it can be asked before the content has arrived.
func Attachable(s State, f Facts, file File) (catalog.Slot, error) {
	def := f.Checker.Definition()
	i := slices.IndexFunc(def.Slots, func(sl catalog.Slot) bool { return sl.Key == file.Slot })
	if i < 0 {
		fault := domain.NewFault("unknown_slot", text.Args{"slot": file.Slot})
		fault.Slot, fault.Location = file.Slot, "body.slot"
		return catalog.Slot{}, domain.ErrInvalid.WithFaults(fault)
	}
	slot := def.Slots[i]
	may := editing(s, f, slot.Module)
	if slot.Module == ModuleRecommenders {
		may = recommending(s, f)
	}
	if may != nil {
		return catalog.Slot{}, may
	}
	if err := attachable(f, 0); err != nil {
		return catalog.Slot{}, err
	}
	return slot, savedBefore(s, slot, file)
}

// savedBefore is the manual's order: save first, then attach.
func savedBefore(s State, slot catalog.Slot, file File) error {
	if slot.Module != ModuleRecommenders {
		if file.Recommender != "" {
			return ErrNoRecommender
		}
		if _, ok := s.Modules[slot.Module]; !ok {
			return ErrSaveFirst
		}
		return nil
	}
	if file.Recommender == "" {
		return ErrSaveFirst
	}
	if !slices.ContainsFunc(s.Recommenders, func(r Recommender) bool { return r.ID.String() == file.Recommender }) {
		return ErrNoRecommender
	}
	return nil
}

func fits(s State, slot catalog.Slot, file File) error {
	args := text.Args{"name": slot.Name, "max": slot.MaxFiles, "maxKB": slot.MaxBytes / 1024}
	switch {
	case file.Name == "" || len(file.Name) > MaxFileNameBytes || !utf8.ValidString(file.Name):
		f := domain.NewFault("file_name", text.Args{"max": MaxFileNameBytes})
		f.Slot, f.Location = slot.Key, "body.file"
		return domain.ErrInvalid.WithFaults(f)
	case file.Size > slot.MaxBytes:
		return ErrFileTooLarge.With(args)
	case !slices.Contains(slot.Types, file.Type):
		return ErrFileType.With(args)
	}
	n := 0
	for _, f := range s.Files {
		if f.Slot == slot.Key && f.Recommender == file.Recommender {
			n++
		}
	}
	if n >= slot.MaxFiles {
		return ErrSlotFull.With(args)
	}
	return nil
}

func removeFile(s State, f Facts, c RemoveFile) ([]Event, error) {
	file, ok := s.File(c.ID)
	if !ok {
		return nil, ErrFileNotFound
	}
	module := ModuleRecommenders
	for _, slot := range f.Checker.Definition().Slots {
		if slot.Key == file.Slot {
			module = slot.Module
		}
	}
	if err := editing(s, f, module); err != nil {
		return nil, err
	}
	return []Event{FileRemoved{File: file}}, nil
}

// recommending is the guard of the 破格推荐专家 part. What was entered is kept where the part is closed again, and may
// be removed then.
func recommending(s State, f Facts) error {
	if err := editing(s, f, ModuleRecommenders); err != nil {
		return err
	}
	if f.Checker.Definition().Recommender == nil || !f.Checker.RecommendersOpen(Form(s, f)) {
		return ErrRecommendersClosed
	}
	return nil
}

func addRecommender(s State, f Facts, c AddRecommender) ([]Event, error) {
	if err := recommending(s, f); err != nil {
		return nil, err
	}
	if rule := f.Checker.Definition().Recommender; len(s.Recommenders) >= rule.Count {
		return nil, ErrRecommendersFull.With(text.Args{"count": rule.Count})
	}
	data, err := recommenderData(s, f, c.Data)
	if err != nil {
		return nil, err
	}
	return []Event{RecommenderAdded{ID: c.ID, Data: data}}, nil
}

func changeRecommender(s State, f Facts, c ChangeRecommender) ([]Event, error) {
	i, err := recommender(s, c.ID)
	if err != nil {
		return nil, err
	}
	if err := recommending(s, f); err != nil {
		return nil, err
	}
	data, err := recommenderData(s, f, c.Data)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(data, s.Recommenders[i].Data) {
		return nil, nil
	}
	return []Event{RecommenderChanged{ID: c.ID, Data: data}}, nil
}

func removeRecommender(s State, f Facts, c RemoveRecommender) ([]Event, error) {
	if _, err := recommender(s, c.ID); err != nil {
		return nil, err
	}
	if err := editing(s, f, ModuleRecommenders); err != nil {
		return nil, err
	}
	return []Event{RecommenderRemoved(c)}, nil
}

func recommender(s State, id uuid.UUID) (int, error) {
	i := slices.IndexFunc(s.Recommenders, func(r Recommender) bool { return r.ID == id })
	if i < 0 {
		return 0, ErrNoRecommender
	}
	return i, nil
}

func recommenderData(s State, f Facts, data json.RawMessage) (json.RawMessage, error) {
	if err := enterable(s, len(data)); err != nil {
		return nil, err
	}
	if faults := f.Checker.CheckRecommender(data); len(faults) > 0 {
		return nil, domain.ErrInvalid.WithFaults(faults...)
	}
	return compact(data)
}
