package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var deploy = filepath.Join("..", "..", "deploy")

// The example configuration is accepted, and says what the program does anyway.
func TestDeployedConfiguration(t *testing.T) {
	got := printed(t, "--config", filepath.Join(deploy, "riffle.yaml"))
	set := 0
	for key, value := range printed(t) {
		want, _, _ := strings.Cut(value, " # ")
		is, source, _ := strings.Cut(got[key], " # ")
		if source == "configuration file" {
			set++
		}
		if is != want && key != "log-format" {
			t.Errorf("%s: %s, without the file %s", key, is, want)
		}
	}
	if set < 15 {
		t.Errorf("the file sets %d keys", set)
	}
}

// What is commented out there would be accepted too.
func TestDeployedConfigurationComments(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(deploy, "riffle.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^# ([a-z-]+: )`).ReplaceAll(data, []byte("$1"))
	if bytes.Equal(all, data) {
		t.Fatal("no key is commented out")
	}
	all = bytes.ReplaceAll(all, []byte("/etc/riffle"), []byte(certificate(t)))
	got := printed(t, "--config", filepath.Join(put(t, map[string][]byte{"c.yaml": all}), "c.yaml"))
	if want := "127.0.0.1:6060 # configuration file"; got["debug-addr"] != want {
		t.Errorf("debug-addr: %s, want %s", got["debug-addr"], want)
	}
}

// certificate makes a folder with a cert.pem and its key.pem.
func certificate(t *testing.T) (dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return put(t, map[string][]byte{
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
	})
}

// Every metric and label that the dashboard and the alerts ask for is one that
// the service has.
func TestDashboardsKnowTheMetrics(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		path string
		body []byte
	}{{"/detect?threshold=0.0001", jpegBytes(t, picture(320, 240))}, {"/detect", []byte("no picture")}} {
		post(t, s.url+c.path, "image/jpeg", bytes.NewReader(c.body))
	}
	resp, err := http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	known := metricLabels(text.String())
	if known["riffle_detections_total"] == nil {
		t.Fatalf("nothing was detected:\n%s", text.String())
	}
	asked := map[string]bool{}
	for _, q := range dashboardQueries(t) {
		for _, complaint := range askedFor(q, known, asked) {
			t.Errorf("%s: %s", q, complaint)
		}
	}
	// And what the service has is shown.
	for name := range known {
		if base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, ""); strings.HasPrefix(name, "riffle_") &&
			!asked[name] && !asked[base+"_bucket"] && !asked[base+"_sum"] {
			t.Errorf("no panel or alert shows %s", name)
		}
	}
}

// A complaint that never comes proves nothing.
func TestAskedForUnknownMetrics(t *testing.T) {
	known := map[string]map[string]bool{"up": {"job": true}, "riffle_a_total": {"model": true}}
	for query, want := range map[string]string{
		`sum by (model) (rate(riffle_a_total{model=~"$model"}[5m])) / up`: "",
		`rate(riffle_b_total[5m])`:                                        "no metric riffle_b_total",
		`riffle_a_total{stage="x"}`:                                       "no label stage",
		`sum by (modell) (riffle_a_total)`:                                "no label modell",
		`label_values(riffle_c, model)`:                                   "no metric riffle_c",
		`sum(rate(riffle_a_total[$__rate_interval]`:                       "",
	} {
		if got := strings.Join(askedFor(query, known, map[string]bool{}), "; "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// metricLabels reads a page of /metrics: labels by name of the sample. Every
// sample also has those that Prometheus adds.
func metricLabels(text string) map[string]map[string]bool {
	known := map[string]map[string]bool{"up": {"job": true, "instance": true}}
	sample := regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-z_]+)="`)
	for line := range strings.Lines(text) {
		m := sample.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if known[m[1]] == nil {
			known[m[1]] = map[string]bool{"job": true, "instance": true}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			known[m[1]][l[1]] = true
		}
	}
	return known
}

// dashboardQueries are all PromQL expressions in deploy/.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	var queries []string
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, e := range v {
				if text, ok := e.(string); ok && (key == "expr" || key == "definition") {
					queries = append(queries, text)
				}
				collect(e)
			}
		case []any:
			for _, e := range v {
				collect(e)
			}
		}
	}
	for _, file := range []struct {
		path   string
		decode func([]byte, any) error
		least  int
	}{
		{"grafana/dashboards/riffle.json", json.Unmarshal, 20},
		{"prometheus/alerts.yml", yaml.Unmarshal, 3},
	} {
		data, err := os.ReadFile(filepath.Join(deploy, file.path))
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := file.decode(data, &doc); err != nil {
			t.Fatalf("%s: %v", file.path, err)
		}
		before := len(queries)
		collect(doc)
		if n := len(queries) - before; n < file.least {
			t.Errorf("%s: %d expressions found", file.path, n)
		}
	}
	return queries
}

var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	metricName = regexp.MustCompile(`\b(?:up|(?:riffle|go|process)_[a-z_]+)\b`)
	labelMatch = regexp.MustCompile(`([a-z_]+) *(?:=~|!~|!=|=)""`)
	labelGroup = regexp.MustCompile(`\b(?:by|ignoring|on|without) *\(([^)]*)\)`)
	labelQuery = regexp.MustCompile(`^label_values\(.*, *([a-z_]+)\)$`)
)

// askedFor says what an expression asks for that nobody has, and adds the names
// of its metrics to asked.
func askedFor(query string, known map[string]map[string]bool, asked map[string]bool) []string {
	var complaints []string
	labels := map[string]bool{}
	query = quoted.ReplaceAllString(query, `""`)
	for _, name := range metricName.FindAllString(query, -1) {
		if known[name] == nil {
			complaints = append(complaints, "no metric "+name)
			return complaints
		}
		asked[name] = true
		maps.Copy(labels, known[name])
	}
	var used []string
	for _, m := range labelMatch.FindAllStringSubmatch(query, -1) {
		used = append(used, m[1])
	}
	for _, m := range labelGroup.FindAllStringSubmatch(query, -1) {
		used = append(used, strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	if m := labelQuery.FindStringSubmatch(query); m != nil {
		used = append(used, m[1])
	}
	slices.Sort(used)
	for _, l := range slices.Compact(used) {
		if !labels[l] {
			complaints = append(complaints, fmt.Sprintf("no label %s", l))
		}
	}
	return complaints
}
