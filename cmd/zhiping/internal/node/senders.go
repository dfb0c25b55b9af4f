package node

import (
	"errors"

	"zhiping/infra/identity/sender"
)

// smsFlags and smtpFlags say how one-time codes reach people. Without any, they are left in an outbox folder that the
// operator can read.
type smsFlags struct {
	Webhook string `placeholder:"URL" help:"SMS gateway that takes messages as signed JSON."`
	Secret  string `placeholder:"SECRET" help:"Key of the signatures, 16 bytes at least; better set by the environment."`
}

type smtpFlags struct {
	Host     string `placeholder:"HOST" help:"Mail server that sends one-time codes, by way of --smtp-gateway."`
	Port     int    `default:"587" help:"Its port."`
	Username string `placeholder:"NAME" help:"Account at the mail server."`
	Password string `placeholder:"PASSWORD" help:"Its password; better set by the environment."`
	From     string `placeholder:"ADDRESS" help:"Sender, e.g. 职评 <noreply@example.org>."`
	Gateway  string `placeholder:"DOMAIN" help:"Mail domain of an SMS gateway, needed with --smtp-host: messages for a phone go to <phone>@<domain>."`
	TLS      string `name:"tls" default:"mandatory" enum:"mandatory,implicit,none" help:"mandatory (STARTTLS), implicit, or none, which takes no password."`
}

// sender is how codes are sent; nil for the outbox.
func (c *Options) sender() (sender.Sender, error) {
	switch {
	case c.SMS.Webhook != "" && c.SMTP.Host != "":
		return nil, errors.New("--sms-webhook and --smtp-host: only one of them sends the codes")
	case c.SMS.Webhook != "":
		return sender.NewWebhook(c.SMS.Webhook, []byte(c.SMS.Secret), nil, c.Clock)
	case c.SMTP.Host != "" && c.SMTP.Gateway == "":
		return nil, errors.New("--smtp-host needs --smtp-gateway: codes go to phones, and a mail server reaches one only through an SMS gateway's mail domain")
	case c.SMTP.Host != "":
		return sender.NewSMTP(sender.SMTPConfig{Host: c.SMTP.Host, Port: c.SMTP.Port, Username: c.SMTP.Username, Password: c.SMTP.Password,
			From: c.SMTP.From, Gateway: c.SMTP.Gateway, TLS: c.SMTP.TLS, Clock: c.Clock})
	}
	return nil, nil
}
