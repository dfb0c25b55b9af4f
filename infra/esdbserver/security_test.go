package esdbserver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"zhiping/infra/esdbserver"
)

func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestAccountsAndACLs(t *testing.T) {
	ctx := bounded(t)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	require.NoError(t, err)
	s, _ := start(t, t.TempDir(), func(c *esdbserver.Config) {
		c.Addr, c.TLS, c.Projections = "127.0.0.1:0", certificate(t), true
		for name, group := range map[string]string{"root": "$admins", "ops": "$ops", "ann": "staff", "bob": "guests"} {
			c.Users = append(c.Users, esdbserver.User{Name: name, PasswordHash: string(hash), Groups: []string{group}})
		}
	})
	as := func(user string) *esdb.Client {
		conf, err := esdb.ParseConnectionString("esdb://" + user + "@" + s.Addr() + "?tls=true&tlsverifycert=false")
		require.NoError(t, err)
		conf.Logger = esdb.NoopLogging()
		c, err := esdb.NewClient(conf)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	root, ops, ann, bob := as("root:secret"), as("ops:secret"), as("ann:secret"), as("bob:secret")
	write := func(c *esdb.Client, stream string) esdb.ErrorCode {
		_, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, event(0))
		if err == nil {
			return 0
		}
		return codeOf(err)
	}
	read := func(c *esdb.Client, stream string) esdb.ErrorCode {
		if _, err := drain(c.ReadStream(ctx, stream, esdb.ReadStreamOptions{}, 1)); err != nil {
			return codeOf(err)
		}
		return 0
	}
	require.Equal(t, esdb.ErrorCodeUnauthenticated, write(as("ann:wrong"), "s"))
	require.Equal(t, esdb.ErrorCodeUnauthenticated, write(as("nobody:secret"), "s"))
	require.Zero(t, write(ann, "s"))
	require.Zero(t, write(bob, "s"))
	require.Equal(t, esdb.ErrorCodeAccessDenied, write(ann, "$settings"))
	require.Zero(t, write(root, "$settings"))

	var m esdb.StreamMetadata
	var acl esdb.Acl
	acl.AddWriteRoles("ann")
	acl.AddReadRoles("staff")
	m.SetAcl(acl)
	_, err = root.SetStreamMetadata(ctx, "s", esdb.AppendToStreamOptions{}, m)
	require.NoError(t, err)
	require.Zero(t, write(ann, "s"))
	require.Equal(t, esdb.ErrorCodeAccessDenied, write(bob, "s"))
	require.Zero(t, read(ann, "s"))
	require.Equal(t, esdb.ErrorCodeAccessDenied, read(bob, "s"))

	opts := esdb.PersistentStreamSubscriptionOptions{}
	require.Equal(t, esdb.ErrorCodeAccessDenied, codeOf(ann.CreatePersistentSubscription(ctx, "s", "g", opts)))
	require.NoError(t, ops.CreatePersistentSubscription(ctx, "s", "g", opts))

	require.Zero(t, write(ann, "cat-1"))
	require.Eventually(t, func() bool { return read(root, "$ce-cat") == 0 }, waitLimit, waitStep)
	require.Zero(t, read(ann, "$ce-cat"), "categories are for every account")
	require.Equal(t, esdb.ErrorCodeAccessDenied, write(ann, "$ce-cat"))

	conf, err := esdb.ParseConnectionString("esdb://embedded?tls=false")
	require.NoError(t, err)
	conf.Address, conf.Logger = s.Endpoint(), esdb.NoopLogging()
	local, err := esdb.NewClient(conf)
	require.NoError(t, err)
	defer func() { _ = local.Close() }()
	require.Zero(t, write(local, "$settings"), "the socket is this user's own")
}
