package e2e

import (
	"bytes"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/cmd/zhiping/internal/node"
	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
	"zhiping/infra/identity/postgrestest"
)

// operatorIn runs `zhiping accounts` on a data folder, with goodPassword in the file that FILE stands for.
func operatorIn(t *testing.T, data string, args ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(world.GoodPassword+"\n"), 0o600))
	all := []string{"accounts", "--data", data}
	for _, a := range args {
		all = append(all, strings.ReplaceAll(a, "FILE", file))
	}
	var out bytes.Buffer
	err := world.Run(t.Context(), all, &out, &out)
	return out.String(), err
}

// A command that broke off between account and role is repeated as it was.
func TestTheOperatorsRolesAreEvents(t *testing.T) {
	data := t.TempDir()
	add := []string{"add", "root", "--name", "管理员", "--role", "admin", "--password-file", "FILE"}
	_, err := operatorIn(t, data, append(add, "--until", "2020-01-01T00:00:00Z")...)
	require.ErrorContains(t, err, "future")
	first, err := operatorIn(t, data, add...) // the account is there by now, and has no role
	require.NoError(t, err)
	again, err := operatorIn(t, data, add...)
	require.NoError(t, err)
	require.Equal(t, first, again)
	id := strings.TrimSpace(first[strings.LastIndex(first, " "):])
	_, err = operatorIn(t, data, "add", "root", "--name", "管理员", "--role", "auditor", "--password-file", "FILE")
	require.ErrorContains(t, err, "already", "another role is another matter")
	_, err = operatorIn(t, data, "add", "watch", "--name", "审计员", "--role", "auditor", "--password-file", "FILE")
	require.NoError(t, err)

	s := world.Start(t, data, "--demo") // what an operator did before is nobody's data
	root, watch, officer := s.SignIn("root", world.GoodPassword), s.SignIn("watch", world.GoodPassword), s.As("department")
	root.Want(200, "", "GET", "/accounts", nil)
	require.Equal(t, []string{"RoleGranted by operator: 授予角色“管理员”（运维人员操作）"}, rolesTold(watch, id))
	trail := watch.Want(200, "", "GET", "/audit?account="+id, nil).Items("items")
	by, _ := trail[0]["actor"].(map[string]any)
	require.Equal(t, "operator", by["role"])
	require.Equal(t, "GrantRole", trail[0]["command"])
	require.NotEmpty(t, trail[0]["at"])

	_, err = operatorIn(t, data, "grant", "department", "analyst")
	require.NoError(t, err)
	officer.Want(200, "", "GET", "/events", nil)
	_, err = operatorIn(t, data, "revoke", "root", "admin")
	require.NoError(t, err, "who holds the machine may take the last admin's")
	root.Want(403, "forbidden", "GET", "/accounts", nil)

	// Who is erased leaves no role behind, an officer's neither.
	_, err = operatorIn(t, data, "erase", "department")
	require.NoError(t, err)
	officer.Want(401, "not_signed_in", "GET", "/me", nil)
	got := rolesTold(watch, demo.AccountID("department"))
	require.Equal(t, "RoleRevoked by operator: 撤销角色“分析员”（运维人员操作）", got[len(got)-1])
	var steps []string // newest first
	for _, r := range watch.Want(200, "", "GET", "/audit/identity?account="+demo.AccountID("department"), nil).Items("items") {
		if r["type"] != "grant_revoked" || len(steps) == 0 || steps[len(steps)-1] != "grant_revoked" {
			steps = append(steps, r["type"].(string))
		}
	}
	require.Equal(t, []string{"account_erased", "grant_revoked", "account_disabled"}, steps[:3], "nobody gives a role in between")
	history := watch.Want(200, "", "GET", "/audit?type=GrantRevoked&organization="+demo.Department.ID, nil).Items("items")
	require.Len(t, history, 1)
	s.Stop()
}

func TestARoleOfTheOperatorsMayEnd(t *testing.T) {
	s, pass := world.StartInProcess(t)
	officer := s.As("department")
	until := time.Now().Add(time.Hour).Format(time.RFC3339)
	_, err := operatorIn(t, s.Data, "grant", "department", "analyst", "--until", until)
	require.NoError(t, err)
	officer.Want(200, "", "GET", "/events", nil)
	pass(time.Hour)
	officer.Want(403, "forbidden", "GET", "/events", nil)
}

// Roles are given by events of the event store that the nodes follow, or not at all.
func TestARoleIsNotGivenBesideTheNodesEventStore(t *testing.T) {
	alone := t.TempDir()
	p, err := identity.Open(t.Context(), identity.Config{Path: filepath.Join(alone, "identity.sqlite")})
	require.NoError(t, err)
	require.NoError(t, p.Close())
	_, err = operatorIn(t, alone, "grant", "root", "auditor")
	require.ErrorContains(t, err, "name it with --eventstore")
	_, err = os.Stat(filepath.Join(alone, "events"))
	require.ErrorIs(t, err, os.ErrNotExist)

	data := t.TempDir()
	_, err = operatorIn(t, data, "add", "root", "--name", "管理员", "--role", "admin", "--password-file", "FILE")
	require.NoError(t, err)
	_, other := world.SharedEventStore(t)
	_, err = operatorIn(t, data, "--eventstore", other, "grant", "root", "auditor")
	require.ErrorContains(t, err, "another event store")
}

// An installation of several machines begins in the same way, and a role holds on all of them at once.
func TestTheOperatorOfSeveralMachines(t *testing.T) {
	_, url := postgrestest.Fresh(t, "zhiping_test_operator")
	_, events := world.SharedEventStore(t)
	key := filepath.Join(t.TempDir(), "identity.key")
	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("5a", 32)+"\n"), 0o600))
	flags := []string{"--identity-postgres", url, "--identity-key", key}
	_, err := operatorIn(t, t.TempDir(), append(flags, "grant", "root", "auditor")...)
	require.ErrorContains(t, err, "name it with --eventstore")
	flags = append(flags, "--eventstore", events)
	_, err = operatorIn(t, t.TempDir(), append(flags, "add", "root", "--name", "管理员", "--role", "admin", "--password-file", "FILE")...)
	require.NoError(t, err)
	nodes := []*world.Server{world.Start(t, t.TempDir(), flags...), world.Start(t, t.TempDir(), flags...)}
	root := nodes[0].SignIn("root", world.GoodPassword)
	there := &world.Caller{Server: nodes[1], Token: root.Token}
	for _, step := range []struct {
		do     string
		status int
	}{{"grant", 200}, {"revoke", 403}} {
		_, err := operatorIn(t, t.TempDir(), append(flags, step.do, "root", "auditor")...)
		require.NoError(t, err)
		for _, c := range []*world.Caller{root, there} {
			require.Equal(t, step.status, c.Do("GET", "/audit", nil).Status, step.do)
		}
	}
	there.Want(200, "", "GET", "/accounts", nil)
}

// earlier writes grants as they were before they became events.
func earlier(t *testing.T, data string, grants map[string]domain.Role) (ids map[string]string) {
	t.Helper()
	p, err := identity.Open(t.Context(), identity.Config{Path: filepath.Join(data, "identity.sqlite")})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "identity.sqlite"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	ids = map[string]string{}
	for login, role := range grants {
		ids[login], err = p.EnsureAccount(t.Context(), identity.Account{Login: login, Name: login, Applicant: true}, world.GoodPassword)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), `INSERT INTO grants (account_id, organization, role, granted_at, expires_at, source) VALUES ($1, '', $2, 1, 0, '')`, ids[login], string(role))
		require.NoError(t, err)
	}
	return ids
}

// Data of an earlier version goes on working, and is told of once, whatever starts how often.
func TestRolesThatWereGivenBeforeAreToldOfOnce(t *testing.T) {
	data := t.TempDir()
	ids := earlier(t, data, map[string]domain.Role{"root": domain.Admin, "watch": domain.Auditor})
	for range 2 {
		s := world.Start(t, data)
		root, watch := s.SignIn("root", world.GoodPassword), s.SignIn("watch", world.GoodPassword)
		root.Want(200, "", "GET", "/accounts", nil)
		for _, login := range []string{"root", "watch"} {
			s.Eventually("told of "+login, func() bool { return len(rolesTold(watch, ids[login])) > 0 })
		}
		require.Equal(t, []string{"RoleGranted by zhiping: 授予角色“管理员”（补记此前已有的授权）"}, rolesTold(watch, ids["root"]))
		require.Empty(t, watch.Want(200, "", "GET", "/audit/identity?type=granted", nil).Items("items"), "nobody granted anything today")
		s.Stop()
	}
	s := world.Start(t, data)
	watch := s.SignIn("watch", world.GoodPassword)
	watch.Want(200, "", "GET", "/audit", nil)
	s.SignIn("root", world.GoodPassword).Want(200, "", "DELETE", "/accounts/"+ids["watch"]+"/roles/auditor", nil)
	watch.Want(403, "forbidden", "GET", "/audit", nil)
	s.Stop()
	s = world.Start(t, data)
	s.SignIn("watch", world.GoodPassword).Want(403, "forbidden", "GET", "/audit", nil)
	s.Stop()
}

// Several nodes start at once on accounts that they share, and one of them is ahead by a revocation.
func TestNodesThatStartTogetherTellOfEarlierRolesOnce(t *testing.T) {
	data := t.TempDir()
	ids := earlier(t, data, map[string]domain.Role{"root": domain.Admin, "watch": domain.Auditor})
	events, url := world.SharedEventStore(t)
	require.NotEmpty(t, events.Addr())
	open := func() *node.Node {
		n := node.New(slog.New(slog.DiscardHandler))
		require.NoError(t, n.OpenEvents(t.Context(), &node.Options{Eventstore: url}))
		var err error
		n.Identity, err = identity.Open(t.Context(), identity.Config{Path: filepath.Join(data, "identity.sqlite")})
		require.NoError(t, err)
		n.OnClose(n.Identity.Close)
		n.Executor, err = commands.New(commands.Config{Store: n.Events, Index: struct{ commands.Index }{}, People: node.Directory{Provider: n.Identity}, Clock: n.Clock, NewID: uuid.New,
			Definition: func(string) (catalog.Definition, bool) { return catalog.Definition{}, false },
			Compile:    func(catalog.Definition) (declaration.Checker, error) { return nil, errors.ErrUnsupported }})
		require.NoError(t, err)
		t.Cleanup(n.Close)
		return n
	}
	nodes := make([]*node.Node, 4)
	for i := range nodes {
		nodes[i] = open()
	}
	admin := commands.Envelope{Actor: domain.Actor{ID: "admin", Roles: []domain.Role{domain.Admin}}}
	_, err := nodes[0].Executor.Account(t.Context(), admin, ids["watch"], account.Revoke{Role: domain.Auditor})
	require.NoError(t, err)
	var wg sync.WaitGroup
	errs := make([]error, len(nodes))
	for i, n := range nodes {
		wg.Go(func() { errs[i] = n.RecordGrants(t.Context()) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	page, err := nodes[0].Events.ReadAll(t.Context(), eventstore.All{Limit: 100})
	require.NoError(t, err)
	var all []string
	for _, e := range page.Events {
		all = append(all, e.Type+" "+e.Stream)
	}
	slices.Sort(all)
	require.Equal(t, []string{"RoleGranted account-" + ids["root"], "RoleRevoked account-" + ids["watch"]}, all)
	require.NoError(t, nodes[1].WaitApplied(t.Context(), page.Events[len(page.Events)-1].Position))
	roles, err := nodes[2].Identity.GivenRoles(t.Context())
	require.NoError(t, err)
	require.Len(t, roles, 1)
	require.Equal(t, domain.Admin, roles[ids["root"]][0].Role)
}
