package commands

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/organization"
)

// fingerprint is the hash of a command as the caller sent it. It tells a retry from another command under the same key, also
// years later, so it never changes.
func fingerprint(name string, cmd any) (string, error) {
	body, err := json.Marshal(asStored(cmd))
	if err != nil {
		return "", fmt.Errorf("fingerprint of %s: %w", name, err)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), body...))
	return hex.EncodeToString(sum[:8]), nil
}

// asStored is the command in the shape that was fingerprinted first: some had empty fields then, which are facts now.
func asStored(cmd any) any {
	switch c := cmd.(type) {
	case declaration.Start:
		return struct {
			ID, NoticeID uuid.UUID
			Applicant    catalog.Person
			SelfCheck    map[string]bool
		}{NoticeID: c.NoticeID, SelfCheck: c.SelfCheck}
	case organization.Create:
		return struct {
			ID, Name string
			Kind     organization.Kind
			Parent   string
		}{Name: c.Name, Kind: c.Kind, Parent: c.Parent}
	case binding.Bind:
		return struct {
			USCC      string
			Applicant domain.Organization
		}{USCC: c.USCC}
	case binding.Approve:
		return struct{ Unit string }{}
	case binding.Reject:
		return struct{ Unit, Opinion string }{Opinion: c.Opinion}
	}
	return cmd
}
