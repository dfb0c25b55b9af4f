package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/organization"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
)

func openTest(t *testing.T, data string) *node {
	t.Helper()
	n, err := openNode(t.Context(), &serveCmd{Addr: "127.0.0.1:0", Data: data, Demo: true, Roles: "all"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	return n
}

func count(t *testing.T, n *node) int {
	t.Helper()
	page, err := n.events.ReadAll(t.Context(), eventstore.All{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Events)
}

func TestTheDemoIsSeededOnce(t *testing.T) {
	n := openTest(t, t.TempDir())
	var counts [3]int
	for i := range counts {
		if err := n.seedDemo(t.Context()); err != nil {
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
	if _, err := n.executor.Organization(t.Context(), commands.Envelope{Actor: admin}, "hrss", organization.Create{
		Name: "真实机构", Kind: organization.KindBureau,
	}); err != nil {
		t.Fatal(err)
	}
	if err := n.seedDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := count(t, n); c != 1 {
		t.Fatalf("%d events", c)
	}
	if _, err := n.identity.Login(t.Context(), loginOf("admin")); err == nil {
		t.Fatal("an account with a published password was made beside real data")
	}
}

func TestASecondProcessOnTheSameDataIsRefused(t *testing.T) {
	data := t.TempDir()
	openTest(t, data)
	if _, err := openNode(t.Context(), &serveCmd{Addr: "127.0.0.1:0", Data: data, Roles: "all"}, slog.New(slog.DiscardHandler)); !errors.Is(err, esdbserver.ErrLocked) {
		t.Fatalf("%v", err)
	}
}

func TestHelpExplainsEveryFlag(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), []string{"serve", "--help"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--addr", "--data", "--demo", "--eventstore", "--readstore", "--blobs", "--log", "$ZHIPING_ADDR", "$ZHIPING_EVENTSTORE"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the help does not name %s\n%s", want, out.String())
		}
	}
	if err := run(context.Background(), []string{"serve", "--addr"}, io.Discard, io.Discard); err == nil {
		t.Error("a flag without its value is taken")
	}
}

func loginOf(account string) identity.LoginRequest {
	return identity.LoginRequest{Account: account, Password: demoPassword, Address: "127.0.0.1"}
}
