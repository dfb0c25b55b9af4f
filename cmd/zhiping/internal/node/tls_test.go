package node

import (
	"strings"
	"testing"
)

func TestServingOthersNeedsTLS(t *testing.T) {
	for name, ex := range map[string]struct {
		c    Options
		want string
	}{
		"everybody, in the clear":   {Options{Addr: "0.0.0.0:0"}, "--tls-cert"},
		"any address":               {Options{Addr: ":8080"}, "--tls-cert"},
		"a certificate and no key":  {Options{Addr: "127.0.0.1:0", TLSCert: "x"}, "go together"},
		"a file that is not there":  {Options{Addr: "127.0.0.1:0", TLSCert: "x", TLSKey: "y"}, "certificate"},
		"a proxy that is no number": {Options{Addr: "127.0.0.1:0", TrustedProxies: []string{"proxy"}}, "--trusted-proxies"},
		"every site":                {Options{Addr: "127.0.0.1:0", Origins: []string{"*"}}, "--cors-origins"},
		"a page, not a site":        {Options{Addr: "127.0.0.1:0", Origins: []string{"https://portal.example/page"}}, "--cors-origins"},
		"this machine only":         {Options{Addr: "127.0.0.1:0"}, ""},
		"IPv6, this machine only":   {Options{Addr: "[::1]:0"}, ""},
		"behind a proxy":            {Options{Addr: "0.0.0.0:0", BaseURL: "https://zhiping.example", TrustedProxies: []string{"10.0.0.0/8", "192.0.2.1"}}, ""},
		"a proxy of who knows what": {Options{Addr: "0.0.0.0:0", TrustedProxies: []string{"10.0.0.0/8"}}, "--base-url"},
		"a proxy in the clear":      {Options{Addr: "127.0.0.1:0", BaseURL: "http://127.0.0.1", TrustedProxies: []string{"10.0.0.0/8"}}, "--base-url"},
		"a site in the clear":       {Options{Addr: "127.0.0.1:0", BaseURL: "http://zhiping.example"}, "--base-url"},
		"a site that is a name":     {Options{Addr: "127.0.0.1:0", BaseURL: "zhiping.example"}, "--base-url"},
		"a site with a password":    {Options{Addr: "127.0.0.1:0", BaseURL: "https://a:b@zhiping.example"}, "--base-url"},
		"a site on this machine":    {Options{Addr: "127.0.0.1:0", BaseURL: "http://localhost:8080"}, ""},
	} {
		if _, err := ex.c.transport(); (err == nil) != (ex.want == "") || err != nil && !strings.Contains(err.Error(), ex.want) {
			t.Errorf("%s: %v, want %q", name, err, ex.want)
		}
	}
}
