package mqtt

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/rs/zerolog"

	"example.com/riffle/video"
	"example.com/riffle/video/scene"
)

// startBroker runs a broker in this process at an address; "" picks one. With a
// password only user "riffle" may come in.
func startBroker(t *testing.T, addr, password string) (*broker.Server, string) {
	t.Helper()
	s := broker.New(&broker.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	var err error
	if password == "" {
		err = s.AddHook(new(auth.AllowHook), nil)
	} else {
		err = s.AddHook(new(auth.Hook), &auth.Options{Ledger: &auth.Ledger{Auth: auth.AuthRules{
			{Username: "riffle", Password: auth.RString(password), Allow: true},
		}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	if addr == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr = l.Addr().String()
		l.Close()
	}
	if err := s.AddListener(listeners.NewTCP(listeners.Config{ID: "t", Address: addr})); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(s) })
	return s, addr
}

var stopped sync.Map // brokers: to stop one twice is a panic

func stop(s *broker.Server) {
	if _, twice := stopped.LoadOrStore(s, true); !twice {
		_ = s.Close()
	}
}

// ear is another client that remembers what it hears.
type ear struct {
	client paho.Client
	mu     sync.Mutex
	last   map[string]string
	all    []string // topics in order
}

func listen(t *testing.T, addr string) *ear {
	t.Helper()
	e := &ear{last: map[string]string{}}
	o := paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("ear").SetAutoReconnect(false)
	e.client = paho.NewClient(o)
	if tok := e.client.Connect(); !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
		t.Fatalf("ear: %v", tok.Error())
	}
	tok := e.client.Subscribe("#", 1, func(_ paho.Client, m paho.Message) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.last[m.Topic()] = string(m.Payload())
		e.all = append(e.all, m.Topic())
	})
	if !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
		t.Fatalf("ear: %v", tok.Error())
	}
	t.Cleanup(func() { e.client.Disconnect(0) })
	return e
}

func (e *ear) heard(topic string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last[topic]
}

func (e *ear) times(topic string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, t := range e.all {
		if t == topic {
			n++
		}
	}
	return n
}

// until waits for a topic to have a value.
func (e *ear) until(t *testing.T, topic, want string) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if e.heard(topic) == want {
			return
		}
	}
	t.Errorf("%s is %q, want %q", topic, e.heard(topic), want)
}

func cameras() []video.Camera {
	return []video.Camera{{
		Name: "porch", Labels: []string{"person", "traffic light"}, Motion: video.MotionGate{On: true},
		Zones: []scene.Zone{{Name: "door"}}, Lines: []scene.Line{{Name: "gate"}},
	}}
}

func start(t *testing.T, cfg Config) *Client {
	t.Helper()
	switch cfg.Discovery {
	case "-":
		cfg.Discovery = ""
	case "":
		cfg.Discovery = "homeassistant"
	}
	cfg.Version, cfg.Log = "v1", zerolog.Nop()
	if cfg.Cameras == nil {
		cfg.Cameras = cameras()
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStatesAndEvents(t *testing.T) {
	_, addr := startBroker(t, "", "")
	e := listen(t, addr)
	c := start(t, Config{Broker: "tcp://" + addr})
	e.until(t, "riffle/status", "online")
	if err := c.Event(&video.Event{Event: "camera_up", Camera: "porch"}); err != nil {
		t.Fatal(err)
	}
	e.until(t, "riffle/porch/status", "online")
	c.State("porch", &video.State{
		Motion: true, Objects: map[string]int{"person": 2, "dog": 1},
		Zones: []map[string]int{{"person": 1}}, Lines: []video.LineCount{{In: 3, Out: 1}},
	})
	for topic, want := range map[string]string{
		"motion": "ON", "objects/person": "2", "objects/dog": "1", "objects/traffic_light": "0",
		"zones/door": "ON", "zones/door/objects": `{"person":1}`, "lines/gate": `{"in":3,"out":1}`,
	} {
		e.until(t, "riffle/porch/"+topic, want)
	}
	before := e.times("riffle/porch/motion")
	c.State("porch", &video.State{Motion: true, Objects: map[string]int{}, Zones: []map[string]int{{}}, Lines: []video.LineCount{{In: 3, Out: 1}}})
	e.until(t, "riffle/porch/objects/dog", "0")
	e.until(t, "riffle/porch/zones/door", "OFF")
	if e.times("riffle/porch/motion") != before {
		t.Error("a state that has not changed is told again")
	}
	if err := c.Event(&video.Event{Event: "zone_enter", Camera: "porch", ID: 7, Label: "person", Zone: "door", Text: "person 7 entered zone door"}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); !strings.Contains(e.heard("riffle/porch/events"), "zone_enter") && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	var got video.Event
	if err := json.Unmarshal([]byte(e.heard("riffle/porch/events")), &got); err != nil || got.ID != 7 || got.Zone != "door" {
		t.Errorf("event %+v, %v", got, err)
	}
	c.Snapshot("porch", "person", []byte("\xff\xd8 picture"))
	e.until(t, "riffle/porch/snapshot/person", "\xff\xd8 picture")
	c.Close()
	e.until(t, "riffle/status", "offline")
	e.until(t, "riffle/porch/status", "offline")
}

// What Home Assistant needs to know is there and points to topics that exist.
func TestDiscovery(t *testing.T) {
	_, addr := startBroker(t, "", "")
	e := listen(t, addr)
	c := start(t, Config{Broker: "tcp://" + addr, Topic: "home/riffle"})
	defer c.Close()
	e.until(t, "home/riffle/status", "online")
	want := map[string]string{
		"binary_sensor/home_riffle_porch/status":         "home/riffle/porch/status",
		"event/home_riffle_porch/events":                 "home/riffle/porch/events",
		"binary_sensor/home_riffle_porch/motion":         "home/riffle/porch/motion",
		"sensor/home_riffle_porch/objects_person":        "home/riffle/porch/objects/person",
		"sensor/home_riffle_porch/objects_traffic_light": "home/riffle/porch/objects/traffic_light",
		"image/home_riffle_porch/snapshot_person":        "home/riffle/porch/snapshot/person",
		"binary_sensor/home_riffle_porch/zone_door":      "home/riffle/porch/zones/door",
		"sensor/home_riffle_porch/line_gate_in":          "home/riffle/porch/lines/gate",
		"sensor/home_riffle_porch/line_gate_out":         "home/riffle/porch/lines/gate",
	}
	ids := map[string]bool{}
	for topic, state := range want {
		text := e.heard("homeassistant/" + topic + "/config")
		var m struct {
			Name             string `json:"name"`
			State            string `json:"state_topic"`
			Image            string `json:"image_topic"`
			ID               string `json:"unique_id"`
			Availability     []struct{ Topic string }
			AvailabilityMode string `json:"availability_mode"`
			Device           struct {
				Identifiers []string
				Name        string
			}
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Errorf("%s: %q: %v", topic, text, err)
			continue
		}
		if m.State+m.Image != state || m.Name == "" || m.ID == "" || ids[m.ID] || m.Device.Name != "porch" || len(m.Device.Identifiers) != 1 {
			t.Errorf("%s: %+v", topic, m)
		}
		if m.Availability[0].Topic != "home/riffle/status" || m.AvailabilityMode == "all" && m.Availability[1].Topic != "home/riffle/porch/status" {
			t.Errorf("%s: availability %+v", topic, m.Availability)
		}
		ids[m.ID] = true
	}
	// What nobody asked for is announced when it is first there.
	dog := "homeassistant/sensor/home_riffle_porch/objects_dog/config"
	if e.heard(dog) != "" {
		t.Error("dogs are announced before there is one")
	}
	c.State("porch", &video.State{Objects: map[string]int{"dog": 1}, Zones: []map[string]int{{}}, Lines: []video.LineCount{{}}})
	e.until(t, "home/riffle/porch/objects/dog", "1")
	if e.heard(dog) == "" {
		t.Error("a dog is not announced")
	}
	// Home Assistant starts anew.
	n := e.times(dog)
	e.client.Publish("homeassistant/status", 1, false, "online").WaitTimeout(time.Second)
	for end := time.Now().Add(5 * time.Second); e.times(dog) == n && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	if e.times(dog) == n {
		t.Error("nothing is announced again when Home Assistant starts")
	}
}

func TestWithoutDiscovery(t *testing.T) {
	_, addr := startBroker(t, "", "")
	e := listen(t, addr)
	c := start(t, Config{Broker: "tcp://" + addr, Discovery: "-"})
	defer c.Close()
	e.until(t, "riffle/status", "online")
	c.State("porch", &video.State{Objects: map[string]int{"dog": 1}, Zones: []map[string]int{{}}, Lines: []video.LineCount{{}}})
	e.until(t, "riffle/porch/objects/dog", "1")
	e.mu.Lock()
	defer e.mu.Unlock()
	if slices.ContainsFunc(e.all, func(s string) bool { return !strings.HasPrefix(s, "riffle/") }) {
		t.Errorf("topics %q", e.all)
	}
}

func TestNameAndPassword(t *testing.T) {
	_, addr := startBroker(t, "", "secret")
	for _, cfg := range []Config{
		{Broker: "tcp://" + addr, Username: "riffle", Password: "secret"},
		{Broker: "tcp://riffle:secret@" + addr},
	} {
		c := start(t, cfg)
		for end := time.Now().Add(5 * time.Second); !c.paho.IsConnectionOpen() && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		if !c.paho.IsConnectionOpen() {
			t.Errorf("%s: no connection", cfg.Broker)
		}
		c.Close()
	}
}

// The broker goes away and comes back: events in between are lost, states are
// told again; no call blocks.
func TestTheBrokerGoesAway(t *testing.T) {
	b, addr := startBroker(t, "", "")
	e := listen(t, addr)
	c := start(t, Config{Broker: "tcp://" + addr})
	defer c.Close()
	e.until(t, "riffle/status", "online")
	stop(b)
	for end := time.Now().Add(5 * time.Second); c.paho.IsConnectionOpen() && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	begin := time.Now()
	for range 2000 {
		if err := c.Event(&video.Event{Event: "object_new", Camera: "porch"}); err != nil {
			t.Fatal(err)
		}
	}
	c.State("porch", &video.State{Motion: true, Objects: map[string]int{"person": 5}, Zones: []map[string]int{{}}, Lines: []video.LineCount{{}}})
	if took := time.Since(begin); took > time.Second {
		t.Errorf("telling nobody took %v", took)
	}
	startBroker(t, addr, "")
	again := listen(t, addr)
	again.until(t, "riffle/porch/objects/person", "5")
	again.until(t, "riffle/status", "online")
	if again.heard("homeassistant/sensor/riffle_porch/objects_person/config") == "" {
		t.Error("the new broker does not know what there is")
	}
}

// The last will: a riffle that dies is offline.
func TestADeadRiffleIsOffline(t *testing.T) {
	b, addr := startBroker(t, "", "")
	e := listen(t, addr)
	c := start(t, Config{Broker: "tcp://" + addr})
	e.until(t, "riffle/status", "online")
	for _, cl := range b.Clients.GetAll() {
		if strings.HasPrefix(cl.ID, "riffle-") {
			cl.Stop(io.ErrUnexpectedEOF) // as if the network were cut
		}
	}
	for end := time.Now().Add(10 * time.Second); e.times("riffle/status") < 3 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond) // online, offline, online again
	}
	e.until(t, "riffle/status", "online")
	if e.times("riffle/status") < 3 {
		t.Errorf("status was told %d times", e.times("riffle/status"))
	}
	c.Close()
}

func TestABrokerThatIsNotThereYet(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c := start(t, Config{Broker: "tcp://" + addr})
	done := make(chan struct{})
	go func() { c.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("Close waits for a broker that never came")
	}
}

func TestWrongSettings(t *testing.T) {
	for want, cfg := range map[string]Config{
		"MQTT broker: want an address": {Broker: "localhost:1883"},
		"want an address such":         {Broker: "http://localhost"},
		`MQTT topic "a/#"`:             {Broker: "tcp://localhost", Topic: "a/#"},
		`MQTT topic "/a"`:              {Broker: "tcp://localhost", Discovery: "/a"},
	} {
		if c, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", want, c, err)
		}
	}
}
