package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// healthCmd asks a service on this machine whether it takes requests. It reads
// the same variables and the same file as serve, so that in a container without
// a shell "riffle health" is the whole health check.
type healthCmd struct {
	Addr    string        `default:":8080" env:"RIFFLE_ADDR" placeholder:"HOST:PORT" help:"Where the service listens, as given to serve (${default})."`
	TLSCert string        `name:"tls-cert" env:"RIFFLE_TLS_CERT" placeholder:"FILE" help:"As given to serve; if set, the service is asked by HTTPS. The certificate is not checked: it need not name this machine."`
	Wait    time.Duration `default:"0s" placeholder:"TIME" help:"Keep asking for so long until it is ready (${default})."`
	Config  configFile    `env:"RIFFLE_CONFIG" placeholder:"FILE" help:"The service's configuration file, read for addr and tls-cert."`
}

// Help is shown below the flags.
func (*healthCmd) Help() string {
	return `Prints "ready" and ends with 0 if the service answers /readyz, else says why not and ends with 1.

    riffle health
    riffle health --addr 127.0.0.1:9000 --wait 30s`
}

// Validate is called by kong after parsing.
func (c *healthCmd) Validate() error {
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return fmt.Errorf("--addr must be HOST:PORT, not %q", c.Addr)
	}
	if c.Wait < 0 {
		return errors.New("--wait must not be negative")
	}
	return nil
}

const (
	healthTimeout = 3 * time.Second        // of one question
	healthPause   = 100 * time.Millisecond // between two
)

// Run is called by kong.
func (c *healthCmd) Run(std stdio) error {
	client := c.client()
	for end := time.Now().Add(c.Wait); ; time.Sleep(healthPause) {
		err := c.ask(client)
		if err == nil {
			_, err = fmt.Fprintln(std.out, "ready")
			return err
		}
		if !time.Now().Before(end) {
			return err
		}
	}
}

// client connects to the service's address whatever URL it is given, as an
// address without a host (":8080") stands for this machine to a dialer but not
// in a URL. Proxies are not for it.
func (c *healthCmd) client() *http.Client {
	return &http.Client{
		Timeout: healthTimeout,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, c.Addr)
			},
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (c *healthCmd) ask(client *http.Client) error {
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	resp, err := client.Get(scheme + "://localhost/readyz")
	if err != nil {
		return fmt.Errorf("no answer from %s: %w", c.Addr, plainNet(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	var problem struct{ Detail string }
	if json.NewDecoder(io.LimitReader(resp.Body, 4096)).Decode(&problem) != nil || problem.Detail == "" {
		return fmt.Errorf("%s is not ready: %s", c.Addr, resp.Status)
	}
	return fmt.Errorf("%s is not ready: %s", c.Addr, problem.Detail)
}

// plainNet strips the URL and the addresses of a failed request.
func plainNet(err error) error {
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("none within %v", healthTimeout)
	case errors.As(err, &op) && op.Op == "dial":
		return plainIO(op.Err)
	}
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
