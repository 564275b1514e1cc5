package mqtt

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/rs/zerolog"

	"example.com/riffle/video"
)

// logText is a log to look at.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) until(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		ok := strings.Contains(l.b.String(), text)
		l.mu.Unlock()
		if ok {
			return
		}
	}
	t.Errorf("the log lacks %q:\n%s", text, l.b.String())
}

// secureBroker runs a broker with a certificate that no system knows, and returns
// its address and the certificate's file.
func secureBroker(t *testing.T) (addr, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &cert, &cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := broker.New(&broker.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if err := s.AddListener(listeners.NewTCP(listeners.Config{ID: "tls", Address: addr, TLSConfig: config})); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(s) })
	return addr, ca
}

// The log says why there is no connection, and no password.
func TestWhyThereIsNoConnection(t *testing.T) {
	_, locked := startBroker(t, "", "secret")
	secure, ca := secureBroker(t)
	_, plain := startBroker(t, "", "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"password":    {Config{Broker: "tcp://" + locked, Username: "riffle", Password: "wrongword"}, "user name or password is wrong"},
		"none":        {Config{Broker: "tcp://" + locked}, "user name or password is wrong"},
		"nobody":      {Config{Broker: "tcp://" + nobody}, "nobody listens there"},
		"certificate": {Config{Broker: "ssl://" + secure}, "see --mqtt-ca"},
		"known":       {Config{Broker: "ssl://" + secure, CA: ca}, "MQTT broker connected"},
		"no TLS":      {Config{Broker: "ssl://" + plain}, "MQTT broker cannot be reached"},
		"TLS":         {Config{Broker: "tcp://" + secure}, "is the scheme right"},
		"host":        {Config{Broker: "tcp://no.such.host.invalid:1883"}, "no such host"},
	} {
		t.Run(name, func(t *testing.T) {
			log := &logText{}
			c.cfg.Log, c.cfg.Cameras = zerolog.New(log), cameras()
			client, err := New(c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			log.until(t, c.want)
			if log.mu.Lock(); strings.Contains(log.b.String(), "wrongword") {
				t.Errorf("the log tells the password:\n%s", log.b.String())
			}
			log.mu.Unlock()
		})
	}
	for want, file := range map[string]string{"no such file": filepath.Join(t.TempDir(), "gone.pem"), "no certificate in PEM form": "reasons_test.go"} {
		if _, err := New(Config{Broker: "ssl://" + secure, CA: file}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// What an earlier run announced and this one does not have is taken away; kinds of
// objects that were seen before stay.
func TestRenamedZonesLeaveNoGhosts(t *testing.T) {
	_, addr := startBroker(t, "", "")
	e := listen(t, addr)
	before := start(t, Config{Broker: "tcp://" + addr, Cameras: func() []video.Camera {
		c := cameras()
		c[0].Labels, c[0].Zones[0].Name = nil, "old"
		return c
	}()})
	e.until(t, "riffle/status", "online")
	before.State("porch", &video.State{Objects: map[string]int{"dog": 2}, Zones: []map[string]int{{"dog": 2}}, Lines: []video.LineCount{{}}})
	e.until(t, "riffle/porch/zones/old", "ON")
	e.until(t, "riffle/porch/objects/dog", "2")
	before.Close()

	const config = "homeassistant/binary_sensor/riffle_porch/zone_old/config"
	if e.heard(config) == "" {
		t.Fatal("the old zone was not announced")
	}
	all := cameras()
	all[0].Labels = nil
	after := start(t, Config{Broker: "tcp://" + addr, Cameras: all})
	e.until(t, config, "")
	e.until(t, "riffle/porch/zones/old", "")
	e.until(t, "riffle/porch/zones/old/objects", "")
	e.until(t, "riffle/porch/objects/dog", "0")
	if e.heard("homeassistant/sensor/riffle_porch/objects_dog/config") == "" {
		t.Error("dogs, seen before, are no longer announced")
	}
	if e.heard("homeassistant/binary_sensor/riffle_porch/zone_door/config") == "" {
		t.Error("the new zone is not announced")
	}
	after.Close()

	only := start(t, Config{Broker: "tcp://" + addr}) // persons and traffic lights only
	defer only.Close()
	e.until(t, "homeassistant/sensor/riffle_porch/objects_dog/config", "")
	e.until(t, "riffle/porch/objects/dog", "")
}

// camera_down can be seen: the entity of events outlasts its camera.
func TestEventsOutlastTheirCamera(t *testing.T) {
	_, addr := startBroker(t, "", "")
	e := listen(t, addr)
	c := start(t, Config{Broker: "tcp://" + addr})
	defer c.Close()
	e.until(t, "riffle/status", "online")
	text := e.heard("homeassistant/event/riffle_porch/events/config")
	for _, want := range []string{`"availability":[{"topic":"riffle/status"}]`, `"camera_down"`, `"object_label"`, `"origin":{"name":"riffle"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
}
