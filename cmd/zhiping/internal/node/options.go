package node

import (
	"path/filepath"
	"time"

	"zhiping/infra/identity"
	"zhiping/projections"
)

// Options is `zhiping serve`.
type Options struct {
	Addr           string        `default:"127.0.0.1:8080" help:"Address to serve HTTP on."`
	Data           string        `default:"./data" type:"path" help:"Folder of everything that is kept locally: the embedded event store, views, accounts and attachments."`
	Demo           bool          `help:"Create demo accounts, units and notices in an empty store, and turn captchas off unless --captcha says otherwise."`
	Eventstore     string        `placeholder:"URL" help:"Connection string of an EventStoreDB, e.g. esdb+discover://user:password@host:2113. Default: the embedded event store."`
	Readstore      string        `placeholder:"URL" help:"Connection string of a MongoDB, e.g. mongodb://host/zhiping. Default: the embedded read store."`
	Blobs          string        `placeholder:"URL" help:"Bucket of the attachments, e.g. s3://bucket?region=…. Default: a folder below --data."`
	Clamd          string        `placeholder:"URL" help:"ClamAV daemon that scans attachments: tcp://host:3310 or unix:///path."`
	ClamdRequired  bool          `default:"true" negatable:"" help:"Refuse attachments while the daemon cannot scan them; with --no-clamd-required they are taken unscanned, and logged."`
	Catalog        string        `type:"existingdir" placeholder:"DIR" help:"Folder of declaration types that replace or add to the built-in ones."`
	Captcha        string        `placeholder:"MODE" enum:",always,adaptive,off" default:"" help:"When a sign-in asks for a captcha: always, adaptive (after three failures), or off, which also sends one-time codes without. Default: adaptive; off in the demo."`
	Identity       IdentityFlags `embed:"" prefix:"identity-"`
	BaseURL        string        `name:"base-url" placeholder:"URL" help:"Address that browsers reach this site at, e.g. https://zhiping.example; for the links in QR codes and for the way back from a sign-in. Without it, QR codes sign in on this machine only."`
	TLSCert        string        `name:"tls-cert" placeholder:"FILE" help:"Certificate (PEM) to serve HTTPS with; read again when it changes."`
	TLSKey         string        `name:"tls-key" placeholder:"FILE" help:"Its key (PEM)."`
	TrustedProxies []string      `name:"trusted-proxies" placeholder:"RANGE,…" help:"Addresses of proxies in front, e.g. 10.0.0.0/8: whom X-Forwarded-For is believed. They end TLS, so --base-url must say https://."`
	Notifications  bool          `default:"true" negatable:"" help:"Tell people by text message or mail, as one-time codes go, what offices decide on their declarations and bindings."`
	Roles          string        `default:"all" enum:"all,api,projector" help:"What this node does: api, projector, or all. Several nodes share clusters; one projector leads at a time."`
	Log            string        `default:"info" enum:"debug,info,warn,error" help:"Least level that is logged: debug, info, warn or error."`

	Origins []string `name:"cors-origins" placeholder:"ORIGIN,…" help:"Other sites whose pages may call, e.g. https://portal.example. Default: none."`

	OIDC   OpenIDFlags `embed:"" prefix:"oidc-" group:"Sign-in at an OpenID provider"`
	Limits limitFlags  `embed:"" prefix:"limit-" group:"Rate limits"`
	SMS    smsFlags    `embed:"" prefix:"sms-" group:"One-time codes"`
	SMTP   smtpFlags   `embed:"" prefix:"smtp-" group:"One-time codes"`

	// What only programs set.
	Site        string             `kong:"-"` // the address that QR codes name; Run finds it
	Clock       func() time.Time   `kong:"-"` // time.Now when nil
	ReadTimeout time.Duration      `kong:"-"` // the API's own when 0
	Folds       []projections.Fold `kong:"-"` // all of them when nil
	Listening   func(addr string)  `kong:"-"` // called once requests are served
}

// limitFlags bound how often somebody may call.
type limitFlags struct {
	Addresses int `default:"60000" help:"Most requests a minute of one address, whoever is signed in there, counted before anything else is done; nodes that share a PostgreSQL or a MongoDB tell one another every second. 0 for no limit."`
	Requests  int `default:"6000" help:"Most requests a minute of one account, or of one address that nobody is signed in at, over nodes in the same way; 0 for no limit."`
	SignIns   int `default:"120" help:"Most requests a minute of one address that sign somebody in, or try to; nodes that share a PostgreSQL or a MongoDB count them there. 0 for no limit."`
	Codes     int `default:"600" help:"Most one-time codes an hour that one address may have sent, which may be a whole university's; 0 for no limit."`
	Captchas  int `default:"600" help:"Most captchas a minute for one address; 0 for no limit."`
	QR        int `name:"qr" default:"600" help:"Most QR tickets a minute for one address; 0 for no limit."`
}

// networks are those limits as the identity provider takes them, where 0 means its own defaults.
func (f limitFlags) networks() identity.NetworkLimits {
	of := func(n int) int {
		if n <= 0 {
			return -1
		}
		return n
	}
	return identity.NetworkLimits{Codes: of(f.Codes), Captchas: of(f.Captchas), Tickets: of(f.QR)}
}

// now tells the time, also for those who start a server in this process and pass in a clock of theirs.
func (c *Options) now() time.Time {
	if c.Clock != nil {
		return c.Clock()
	}
	return time.Now()
}

// DataPath is a path in the data folder.
func (c *Options) DataPath(elem ...string) string {
	return filepath.Join(append([]string{c.Data}, elem...)...)
}
