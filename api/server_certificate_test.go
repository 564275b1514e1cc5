package api

import (
	"crypto/tls"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	certFile, keyFile, _ := selfSigned(t)
	c, err := openCertificate(certFile, keyFile, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.now = func() time.Time { return now }
	get := func() string {
		now = now.Add(2 * certificatePause)
		cert, err := c.get(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return string(cert.Certificate[0])
	}
	first := get()

	// The new certificate comes first, its key a moment later.
	newCert, newKey, _ := selfSigned(t)
	replace := func(from, to string) {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			t.Fatal(err)
		}
		later := now.Add(time.Hour) // file systems may count in seconds
		now = now.Add(time.Minute)
		if err := os.Chtimes(to, later, later); err != nil {
			t.Fatal(err)
		}
	}
	replace(newCert, certFile)
	if get() != first {
		t.Error("a certificate without its key is in force")
	}
	replace(newKey, keyFile)
	second := get()
	if second == first {
		t.Error("the old certificate is still in force")
	}
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	if get() != second {
		t.Error("the certificate went with its file")
	}
}
