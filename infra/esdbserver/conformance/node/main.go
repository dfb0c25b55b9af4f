// Command node runs one event store in a temporary directory for a conformance suite: it prints the address it
// listens on and ends when its standard input does.
package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"

	"zhiping/infra/esdbserver"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	certs := flags.String("certs", "", "make certificates in this directory, and serve TLS with the default accounts")
	seed := flags.Int("seed", 0, "events to append to dataset20M-0 first")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg := esdbserver.Config{Path: dir, Addr: "127.0.0.1:0"}
	if *certs != "" {
		if cfg.TLS, err = makeCertificates(*certs); err != nil {
			return err
		}
		hash, err := bcrypt.GenerateFromPassword([]byte("changeit"), bcrypt.MinCost)
		if err != nil {
			return err
		}
		cfg.Users = []esdbserver.User{
			{Name: "admin", PasswordHash: string(hash), Groups: []string{"$admins"}},
			{Name: "ops", PasswordHash: string(hash), Groups: []string{"$ops"}},
		}
	}
	s, err := esdbserver.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		err = errors.Join(err, s.Close(ctx))
	}()
	if err := populate(ctx, s, *seed); err != nil {
		return err
	}
	fmt.Fprintln(out, s.Addr())
	_, err = bufio.NewReader(in).ReadString(0)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// populate appends what the suite's data set has in its first stream, as far as its tests count it.
func populate(ctx context.Context, s *esdbserver.Server, n int) error {
	if n == 0 {
		return nil
	}
	conf, err := esdb.ParseConnectionString(s.ConnectionString())
	if err != nil {
		return err
	}
	conf.Logger = esdb.NoopLogging()
	c, err := esdb.NewClient(conf)
	if err != nil {
		return err
	}
	var events []esdb.EventData
	for i := range n {
		events = append(events, esdb.EventData{
			EventID: uuid.New(), EventType: "eventType-0", ContentType: esdb.ContentTypeBinary, Data: fmt.Append(nil, i),
		})
	}
	_, err = c.AppendToStream(ctx, "dataset20M-0", esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, events...)
	return errors.Join(err, c.Close())
}

// makeCertificates writes a new authority and a certificate for this machine, where the suite looks for them.
func makeCertificates(dir string) (*tls.Config, error) {
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "conformance"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.AddDate(0, 0, 7), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if _, err := writeCertificate(filepath.Join(dir, "ca"), "ca", ca, ca, caKey, caKey); err != nil {
		return nil, err
	}
	// The suite also wants an authority that has signed nothing.
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	stranger := *ca
	stranger.Subject.CommonName = "stranger"
	if _, err := writeCertificate(filepath.Join(dir, "untrusted-ca"), "ca", &stranger, &stranger, other, other); err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.AddDate(0, 0, 7), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	pair, err := writeCertificate(filepath.Join(dir, "node"), "node", leaf, ca, key, caKey)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

func writeCertificate(dir, name string, cert, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (tls.Certificate, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return tls.Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	err = errors.Join(os.WriteFile(filepath.Join(dir, name+".crt"), certPEM, 0o600),
		os.WriteFile(filepath.Join(dir, name+".key"), keyPEM, 0o600))
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}
