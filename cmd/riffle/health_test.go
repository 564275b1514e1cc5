package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func wantReady(t *testing.T, args ...string) {
	t.Helper()
	if r := command(t, append([]string{"health"}, args...)...); r.code != 0 || r.out != "ready\n" || r.err != "" {
		t.Errorf("health %v: code %d, stdout %q, stderr %q", args, r.code, r.out, r.err)
	}
}

// An address without a host, and the unspecified ones, mean this machine.
func TestHealthOfAService(t *testing.T) {
	s := serve(t, "--api-key", "secret")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"127.0.0.1:" + port, ":" + port, "0.0.0.0:" + port, "localhost:" + port} {
		wantReady(t, "--addr", addr)
	}
	t.Run("environment", func(t *testing.T) {
		t.Setenv("RIFFLE_ADDR", "127.0.0.1:"+port)
		t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
		wantReady(t)
	})
	// Keys that are only serve's are no mistakes.
	file := filepath.Join(put(t, map[string][]byte{"c.yaml": []byte("addr: 127.0.0.1:" + port + "\nthreads: 2\ntimeout: 1s\n")}), "c.yaml")
	wantReady(t, "--config", file)
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	command(t, "health", "--addr", "127.0.0.1:"+port).wantError(t, 1, "no answer from 127.0.0.1:"+port+": connection refused")
}

func TestHealthOverTLS(t *testing.T) {
	ts := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer ts.Close()
	addr := ts.Listener.Addr().String()
	wantReady(t, "--addr", addr, "--tls-cert", "cert.pem")
	command(t, "health", "--addr", addr).wantError(t, 1, addr+" is not ready: 400 Bad Request")
}

func TestHealthWaits(t *testing.T) {
	asked := 0
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"detail":"still loading"}`))
		}
	}))
	defer ts.Close()
	addr := ts.Listener.Addr().String()
	command(t, "health", "--addr", addr).wantError(t, 1, addr+" is not ready: still loading")
	wantReady(t, "--addr", addr, "--wait", "1m")
	if asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
}

// Whoever takes the connection and says nothing is not waited for.
func TestHealthOfTheSilent(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	began := time.Now()
	command(t, "health", "--addr", ln.Addr().String()).wantError(t, 1, "none within 3s")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestHealthMistakes(t *testing.T) {
	command(t, "health", "--addr", "nowhere").wantError(t, 2, `--addr must be HOST:PORT, not "nowhere"`)
	command(t, "health", "--wait=-1s").wantError(t, 2, "--wait must not be negative")
	file := filepath.Join(put(t, map[string][]byte{"c.yaml": []byte("adr: :80\n")}), "c.yaml")
	t.Setenv("RIFFLE_CONFIG", file)
	command(t, "health").wantError(t, 2, `did you mean "addr"?`)
}
