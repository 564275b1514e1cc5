//go:build measure

package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// pressure is one load on a service: so many clients, each asking again as soon
// as it is answered, or after a pause if it was refused.
type pressure struct {
	url     string
	photos  [][]byte
	want    [][]Detection // by photo
	clients int
	length  time.Duration
	pause   time.Duration // after a refusal
}

// measured is what a load saw.
type measured struct {
	mu       sync.Mutex
	accepted []time.Duration
	refused  []time.Duration
	faults   []string
}

func (m *measured) fault(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.faults) < 10 {
		m.faults = append(m.faults, fmt.Sprintf(format, args...))
	}
}

func (p *pressure) run() *measured {
	m := &measured{}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: p.clients}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	end := time.Now().Add(p.length)
	var clients sync.WaitGroup
	for c := range p.clients {
		clients.Go(func() {
			for i := c; time.Now().Before(end); i++ {
				if !p.ask(client, i%len(p.photos), m) {
					time.Sleep(p.pause)
				}
			}
		})
	}
	clients.Wait()
	slices.Sort(m.accepted)
	slices.Sort(m.refused)
	return m
}

// ask sends one photo; false if it was refused.
func (p *pressure) ask(client *http.Client, i int, m *measured) bool {
	start := time.Now()
	resp, err := client.Post(p.url, "image/jpeg", bytes.NewReader(p.photos[i]))
	if err != nil {
		m.fault("%v", err)
		return false
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	took := time.Since(start)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err != nil:
		m.faults = append(m.faults, err.Error())
	case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		m.refused = append(m.refused, took)
		return false
	case resp.StatusCode != http.StatusOK:
		m.faults = append(m.faults, fmt.Sprintf("status %d: %s", resp.StatusCode, body))
	default:
		var got Result
		if err := json.Unmarshal(body, &got); err != nil || !reflect.DeepEqual(got.Detections, p.want[i]) {
			m.faults = append(m.faults, fmt.Sprintf("a wrong answer: %s", body))
		}
		m.accepted = append(m.accepted, took)
	}
	return true
}

// quantile is of sorted values, 0 if there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(math.Ceil(q*float64(len(sorted)))))]
}

// TestUnderPressure loads a service with one client, with as many as it has
// workers, and with many times as many: no wrong answer, no error but 503, and
// those who are let in are answered soon.
//
// It takes seconds. RIFFLE_LOAD_SECONDS makes it longer; RIFFLE_LOAD_URL loads a
// service that runs already, on this machine only, with the photos that match
// RIFFLE_LOAD_PHOTOS; its answers under load are then held against its own
// answers without, and its memory, goroutines and open files against those from
// before. RIFFLE_LOAD_TIMES is one load, in times the capacity, instead of all;
// RIFFLE_LOAD_PAUSE how long a client waits that was refused, 20ms.
func TestUnderPressure(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	length := 2 * time.Second
	if n, err := strconv.Atoi(os.Getenv("RIFFLE_LOAD_SECONDS")); err == nil {
		length = time.Duration(n) * time.Second
	}
	workers := runtime.GOMAXPROCS(0)
	p := &pressure{length: length, pause: 20 * time.Millisecond}
	if pause, err := time.ParseDuration(os.Getenv("RIFFLE_LOAD_PAUSE")); err == nil {
		p.pause = pause
	}
	var s *Server
	if target := os.Getenv("RIFFLE_LOAD_URL"); target != "" {
		p.url, p.photos = loopbackTarget(t, target), photosAt(t, os.Getenv("RIFFLE_LOAD_PHOTOS"))
	} else {
		// The work waits on a clock, not on the processor: the clients of this
		// very process, and other tests, must not slow it down.
		f := &fake{before: func(ctx context.Context) error {
			select {
			case <-time.After(20 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		s = newTestServer(t, f, func(c *Config) { c.Models[0].Workers = workers })
		url, _ := running(t, s)
		p.url = url + "/detect"
		for i := range 4 {
			p.photos = append(p.photos, jpegOf(t, 80+i, 40))
		}
	}
	p.learn(t)

	// A moment to warm up: the first pictures make workers.
	warm := *p
	warm.clients, warm.length = workers, min(length, time.Second)
	warm.run()

	share, loads, tries := 0.99, []int{1, 4}, 1
	if s != nil {
		// So few requests have no p99, it is the slowest of them: hold the median.
		// A flood deep enough tells a queue that is kept short by that, too. A
		// machine that is busy with other things may spoil a try or two; a queue
		// that is too long spoils all of them.
		share, loads, tries = 0.5, append(loads, 20), 4
	}
	if n, err := strconv.Atoi(os.Getenv("RIFFLE_LOAD_TIMES")); err == nil {
		loads = []int{n}
	}
	for _, times := range loads {
		load := *p
		load.clients = times * workers
		for try := range tries {
			alone := *p
			alone.clients, alone.length = 1, min(length, 5*time.Second)
			unloaded := alone.run()
			report(t, "1 client", unloaded, alone.length)
			if length < time.Minute {
				// The service needs a moment to see that this is no burst; of a
				// minute it is too small a part to matter.
				lead := load
				lead.length = 2 * time.Second
				lead.run()
			}
			waiting := sampleQueue(s)
			before := vitalsAt(t, p.url)
			m := load.run()
			before.hold(t, p.url)
			report(t, fmt.Sprintf("%d clients, %dx capacity", load.clients, times), m, length)
			if line := waiting(); line > (workers+1)/2 {
				t.Logf("most of the time %d or more wait, want one for every two of %d workers", line, workers)
			} else if p50, slow := quantile(unloaded.accepted, 0.5), quantile(m.accepted, share); slow > 3*p50 {
				t.Logf("p%.0f of the accepted is %v, over 3 times the unloaded p50 of %v", 100*share, slow, p50)
			} else {
				break
			}
			if try == tries-1 {
				t.Errorf("%dx: too slow for those who are let in, or too many of them", times)
			}
		}
	}
	if s != nil {
		eventually(t, "nothing held", func() bool { return s.budget.Used() == 0 && s.models.all[0].gate.Waiting() == 0 })
	}
}

// sampleQueue looks at how many wait, until the function returned is called; that
// tells the number at the median. Of a service elsewhere it knows nothing.
func sampleQueue(s *Server) (median func() int) {
	if s == nil {
		return func() int { return 0 }
	}
	done, over := make(chan struct{}), make(chan struct{})
	lengths := []int{s.models.all[0].gate.Waiting()}
	go func() {
		defer close(over)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				lengths = append(lengths, s.models.all[0].gate.Waiting())
			}
		}
	}()
	return func() int {
		close(done)
		<-over
		slices.Sort(lengths)
		return lengths[len(lengths)/2]
	}
}

// vitals are what a service holds, as it says itself.
type vitals struct{ goroutines, files, memory float64 }

func vitalsAt(t *testing.T, detect string) *vitals {
	t.Helper()
	resp, err := http.Get(strings.TrimSuffix(detect, "/detect") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	v := &vitals{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		number, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_goroutines":
			v.goroutines = number
		case "process_open_fds":
			v.files = number
		case "process_resident_memory_bytes":
			v.memory = number
		}
	}
	return v
}

// hold compares with what the service holds after a load: connections are gone
// with their goroutines, and memory is about what it was.
func (v *vitals) hold(t *testing.T, detect string) {
	t.Helper()
	if os.Getenv("RIFFLE_LOAD_URL") == "" {
		return // the test's own are among them
	}
	now := vitalsAt(t, detect)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && (now.goroutines > v.goroutines || now.files > v.files); time.Sleep(100 * time.Millisecond) {
		now = vitalsAt(t, detect)
	}
	t.Logf("goroutines %.0f, then %.0f; files %.0f, then %.0f; memory %.1f MB, then %.1f MB",
		v.goroutines, now.goroutines, v.files, now.files, v.memory/1e6, now.memory/1e6)
	if now.goroutines > v.goroutines || now.files > v.files || now.memory > 1.1*v.memory+5e6 {
		t.Error("it holds more than before")
	}
}

// learn asks for every photo once, without load: the right answers.
func (p *pressure) learn(t *testing.T) {
	t.Helper()
	for i, photo := range p.photos {
		resp, err := http.Post(p.url, "image/jpeg", bytes.NewReader(photo))
		if err != nil {
			t.Fatal(err)
		}
		var got Result
		err = json.NewDecoder(resp.Body).Decode(&got)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("photo %d: status %d, %v", i, resp.StatusCode, err)
		}
		p.want = append(p.want, got.Detections)
	}
}

func report(t *testing.T, name string, m *measured, length time.Duration) {
	t.Helper()
	t.Logf("%-28s %6d accepted (%.1f/s), p50 %v, p99 %v, max %v; %d refused, p50 %v, p99 %v", name,
		len(m.accepted), float64(len(m.accepted))/length.Seconds(), quantile(m.accepted, 0.5), quantile(m.accepted, 0.99), quantile(m.accepted, 1),
		len(m.refused), quantile(m.refused, 0.5), quantile(m.refused, 0.99))
	for _, fault := range m.faults {
		t.Error(fault)
	}
	if len(m.accepted) == 0 {
		t.Error("nobody was let in")
	}
}

// loopbackTarget refuses to load any machine but this one.
func loopbackTarget(t *testing.T, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		t.Fatalf("RIFFLE_LOAD_URL %q is not on this machine", target)
	}
	return u.JoinPath("detect").String()
}

func photosAt(t *testing.T, pattern string) [][]byte {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no photos at RIFFLE_LOAD_PHOTOS %q: %v", pattern, err)
	}
	var photos [][]byte
	for _, name := range names[:min(len(names), 20)] {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		photos = append(photos, data)
	}
	return photos
}
