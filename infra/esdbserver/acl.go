package esdbserver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"zhiping/infra/esdbserver/internal/store"
)

const (
	groupAdmins = "$admins"
	groupOps    = "$ops"
	everyone    = "$all"
)

type action string

// The keys of $acl for each action.
const (
	actRead      action = "$r"
	actWrite     action = "$w"
	actDelete    action = "$d"
	actMetaRead  action = "$mr"
	actMetaWrite action = "$mw"
)

// authorize applies a stream's ACL. By default everybody with an account may use user streams, and only $admins
// those whose name begins with a dollar sign.
func (s *Server) authorize(ctx context.Context, name string, act action) error {
	if act == actWrite && name == "$all" {
		return accessDenied()
	}
	if s.auth == nil {
		return nil
	}
	user, ok := ctx.Value(userKey{}).(User)
	if !ok {
		return errUnauthenticated
	}
	if slices.Contains(user.Groups, groupAdmins) {
		return nil
	}
	if store.IsMetastream(name) {
		name = strings.TrimPrefix(name, "$$")
		switch act {
		case actRead:
			act = actMetaRead
		case actWrite:
			act = actMetaWrite
		}
	}
	info, err := s.store.Stream(ctx, name)
	if err != nil {
		return err
	}
	roles, err := rolesFor(info.ACL, act)
	if err != nil {
		return err
	}
	if roles == nil {
		roles = []string{everyone}
		if strings.HasPrefix(name, "$") {
			roles = []string{groupAdmins}
		}
	}
	for _, r := range roles {
		if r == everyone || r == user.Name || slices.Contains(user.Groups, r) {
			return nil
		}
	}
	return accessDenied()
}

// mayManage lets $admins and $ops change persistent subscriptions.
func (s *Server) mayManage(ctx context.Context) error {
	if s.auth == nil {
		return nil
	}
	user, ok := ctx.Value(userKey{}).(User)
	if !ok {
		return errUnauthenticated
	}
	if slices.Contains(user.Groups, groupAdmins) || slices.Contains(user.Groups, groupOps) {
		return nil
	}
	return accessDenied()
}

// rolesFor reads an ACL entry: one name, a list of them, or nothing for the default.
func rolesFor(acl []byte, act action) ([]string, error) {
	if len(acl) == 0 {
		return nil, nil
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(acl, &entries); err != nil {
		return nil, errors.Join(accessDenied(), err)
	}
	raw, ok := entries[string(act)]
	if !ok || string(raw) == "null" {
		return nil, nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	list := []string{}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.Join(accessDenied(), err)
	}
	return list, nil
}
