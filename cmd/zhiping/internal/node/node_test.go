package node

import (
	"errors"
	"log/slog"
	"testing"

	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/organization"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
)

func openTest(t *testing.T, data string) *Node {
	t.Helper()
	n, err := Open(t.Context(), &Options{Addr: "127.0.0.1:0", Data: data, Demo: true, Roles: "all"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func count(t *testing.T, n *Node) int {
	t.Helper()
	page, err := n.Events.ReadAll(t.Context(), eventstore.All{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Events)
}

func TestTheDemoIsSeededOnce(t *testing.T) {
	n := openTest(t, t.TempDir())
	var counts [3]int
	for i := range counts {
		if err := n.SeedDemo(t.Context()); err != nil {
			t.Fatal(err)
		}
		counts[i] = count(t, n)
	}
	if counts[0] < 30 || counts[1] != counts[0] || counts[2] != counts[0] {
		t.Fatalf("events after each seeding: %v", counts)
	}
}

func TestTheDemoIsNeverSeededInAStoreThatHoldsData(t *testing.T) {
	n := openTest(t, t.TempDir())
	admin := domain.Actor{ID: "someone", Roles: []domain.Role{domain.Admin}}
	if _, err := n.Executor.Organization(t.Context(), commands.Envelope{Actor: admin}, "hrss", organization.Create{
		Name: "真实机构", Kind: organization.KindBureau,
	}); err != nil {
		t.Fatal(err)
	}
	if err := n.SeedDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := count(t, n); c != 1 {
		t.Fatalf("%d events", c)
	}
	if _, err := n.Identity.Login(t.Context(), loginOf("admin")); err == nil {
		t.Fatal("an account with a published password was made beside real data")
	}
}

func TestASecondProcessOnTheSameDataIsRefused(t *testing.T) {
	data := t.TempDir()
	openTest(t, data)
	if _, err := Open(t.Context(), &Options{Addr: "127.0.0.1:0", Data: data, Roles: "all"}, slog.New(slog.DiscardHandler)); !errors.Is(err, esdbserver.ErrLocked) {
		t.Fatalf("%v", err)
	}
}

func loginOf(account string) identity.LoginRequest {
	return identity.LoginRequest{Account: account, Password: demo.Password, Address: "127.0.0.1"}
}
