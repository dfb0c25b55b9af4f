package node

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// LoadTLS reads a certificate and its key; nil without either. Both are read again when the files change, so that a
// renewed certificate needs no restart; a pair that does not fit leaves the old one in use.
func LoadTLS(cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	r := &reloadingCertificate{cert: cert, key: key}
	if _, err := r.certificate(nil); err != nil {
		return nil, err
	}
	return &tls.Config{GetCertificate: r.certificate, MinVersion: tls.VersionTLS12}, nil
}

// reloadingCertificate is a certificate that follows its files. Safe for concurrent use.
type reloadingCertificate struct {
	cert, key string

	mu   sync.Mutex
	pair *tls.Certificate
	seen [2]time.Time // when the files were changed that pair is from
}

func (r *reloadingCertificate) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var changed [2]time.Time
	for i, file := range []string{r.cert, r.key} {
		info, err := os.Stat(file)
		if err != nil {
			return r.keepOld(fmt.Errorf("certificate: %w", err))
		}
		changed[i] = info.ModTime()
	}
	if r.pair != nil && changed == r.seen {
		return r.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(r.cert, r.key)
	if err != nil {
		return r.keepOld(fmt.Errorf("certificate: %w", err)) // perhaps only one of the files is new yet
	}
	r.pair, r.seen = &pair, changed
	return r.pair, nil
}

func (r *reloadingCertificate) keepOld(err error) (*tls.Certificate, error) {
	if r.pair != nil {
		return r.pair, nil
	}
	return nil, err
}

// transport says how browsers reach the API, checked before anything is opened.
type transport struct {
	tls     *tls.Config // nil for plain HTTP
	secure  bool        // browsers come by TLS, here or at a proxy
	proxies []netip.Prefix
}

// errPlaintext: passwords and forms would travel in the clear.
var errPlaintext = errors.New("serving other machines needs --tls-cert and --tls-key, or --trusted-proxies and --base-url if a proxy in front ends TLS")

// errProxyWithoutTLS: nothing but the address says that the proxies end TLS, and cookies that are not for TLS only would
// show up in the clear wherever somebody types http://.
var errProxyWithoutTLS = errors.New("--trusted-proxies needs --base-url with the https:// address that browsers reach the proxies at")

// byTLS tells whether browsers come by TLS, here or at a proxy.
func (c *Options) byTLS(here bool) (bool, error) {
	if c.BaseURL == "" {
		return here, nil
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return false, fmt.Errorf("--base-url: %q is not an address like https://zhiping.example", c.BaseURL)
	}
	if u.Scheme == "http" && (here || !loopback(net.JoinHostPort(u.Hostname(), "0"))) {
		return false, fmt.Errorf("--base-url: %q: browsers reach other machines by https:// only", c.BaseURL)
	}
	return u.Scheme == "https", nil
}

func (c *Options) transport() (w transport, err error) {
	if err := checkAddress(c.Addr); err != nil {
		return w, err
	}
	if w.tls, err = LoadTLS(c.TLSCert, c.TLSKey); err != nil {
		return w, err
	}
	for _, p := range c.TrustedProxies {
		prefix, err := netip.ParsePrefix(p)
		if addr, aerr := netip.ParseAddr(p); err != nil && aerr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return w, fmt.Errorf("--trusted-proxies: %q is neither an address nor a range like 10.0.0.0/8", p)
		}
		w.proxies = append(w.proxies, prefix.Masked())
	}
	for _, o := range c.Origins {
		if u, err := url.Parse(o); err != nil || u.Host == "" || u.Path != "" || u.Scheme != "https" && u.Scheme != "http" || strings.Contains(o, "*") {
			return w, fmt.Errorf("--cors-origins: %q is not the origin of one site, like https://portal.example", o)
		}
	}
	if w.secure, err = c.byTLS(w.tls != nil); err != nil {
		return w, err
	}
	if len(w.proxies) > 0 && !w.secure {
		return w, errProxyWithoutTLS
	}
	if w.tls == nil && len(w.proxies) == 0 && !loopback(c.Addr) {
		return w, errPlaintext
	}
	return w, nil
}

// checkAddress refuses what is no address to listen on, such as a port alone.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port) //nolint:noctx // a number, or a name in a local file
	}
	if err != nil {
		return fmt.Errorf("--addr: %q is not an address and a port like 127.0.0.1:8080", address)
	}
	return nil
}

// loopback tells whether only this machine can reach an address to listen on.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// scheme is how the address that is listened on begins.
func (w transport) scheme() string {
	if w.tls != nil {
		return "https://"
	}
	return "http://"
}

// wrap puts TLS on a listener, where there is some.
func (w transport) wrap(l net.Listener) net.Listener {
	if w.tls == nil {
		return l
	}
	return tls.NewListener(l, w.tls)
}
