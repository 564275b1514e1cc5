package mqtt

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/rs/zerolog"

	"example.com/riffle/video"
)

// Config is where to tell what.
type Config struct {
	Broker             string // tcp://host:1883, ssl://host:8883, ws://, wss://
	Username, Password string
	CA                 string // PEM file of the broker's certificate authority, "" for the system's
	Topic              string // first part of all topics, default "riffle"
	Discovery          string // Home Assistant's, "" for none
	Version            string
	Cameras            []video.Camera
	Log                zerolog.Logger
}

// Client is a [video.Sink]. It never blocks a camera: while the broker cannot be
// reached events are lost, and states are sent when it is back.
type Client struct {
	cfg   Config
	paho  paho.Client
	queue chan message
	done  chan struct{}
	wait  sync.WaitGroup

	mu        sync.Mutex
	lost      string // why, as said in the log
	announced []message
	known     map[string]bool   // announced topics
	retained  map[string]string // last states by topic, sent again to a new connection
	order     []string
	dropped   int
}

type message struct {
	topic  string
	data   []byte
	retain bool
}

const (
	qos        = 1
	queueLimit = 512
	grace      = 2 * time.Second // to tell the rest at the end
	retryEvery = 5 * time.Second
)

// New begins to connect; a broker that is not there yet is no error.
func New(cfg Config) (*Client, error) {
	if cfg.Topic == "" {
		cfg.Topic = "riffle"
	}
	u, err := url.Parse(cfg.Broker)
	if err != nil || u.Host == "" || !slices.Contains([]string{"tcp", "mqtt", "ssl", "tls", "mqtts", "ws", "wss"}, u.Scheme) {
		return nil, errors.New("MQTT broker: want an address such as tcp://localhost:1883 or ssl://host:8883")
	}
	for _, t := range []string{cfg.Topic, cfg.Discovery} {
		if strings.ContainsAny(t, "+#\x00") || strings.HasPrefix(t, "/") || strings.HasSuffix(t, "/") {
			return nil, fmt.Errorf("MQTT topic %q: must be free of + and # and not begin or end with /", t)
		}
	}
	if cfg.Username == "" && u.User != nil {
		cfg.Username = u.User.Username()
		cfg.Password, _ = u.User.Password()
	}
	u.User = nil
	trust, err := authorities(cfg.CA)
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, queue: make(chan message, queueLimit), done: make(chan struct{}), known: map[string]bool{}, retained: map[string]string{}}
	id := make([]byte, 6)
	_, _ = rand.Read(id)
	o := paho.NewClientOptions().
		AddBroker(u.String()).
		SetClientID("riffle-"+hex.EncodeToString(id)).
		SetUsername(cfg.Username).SetPassword(cfg.Password).
		SetWill(c.topic("status"), offline, qos, true).
		SetConnectRetry(true).SetConnectRetryInterval(retryEvery).
		SetAutoReconnect(true).SetMaxReconnectInterval(30 * time.Second).
		SetConnectTimeout(10 * time.Second).SetWriteTimeout(10 * time.Second).SetPingTimeout(5 * time.Second).SetKeepAlive(20 * time.Second).
		SetOrderMatters(false).SetCleanSession(true).
		SetProtocolVersion(4). // no second try with 3.1, which has reasons of its own
		SetTLSConfig(&tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}).
		SetOnConnectHandler(c.connected).
		SetConnectionNotificationHandler(c.notified)
	c.paho = paho.NewClient(o)
	c.announce()
	c.paho.Connect()
	c.wait.Go(c.publish)
	return c, nil
}

// authorities reads a PEM file; nil is the system's.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("MQTT: certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("MQTT: certificate authority %s: no certificate in PEM form", file)
	}
	return pool, nil
}

// notified hears why there is no connection.
func (c *Client) notified(_ paho.Client, n paho.ConnectionNotification) {
	switch n := n.(type) {
	case paho.ConnectionNotificationFailed:
		c.failing(n.Reason)
	case paho.ConnectionNotificationLost:
		c.failing(n.Reason)
	}
}

const (
	online  = "online"
	offline = "offline"
)

func (c *Client) topic(parts ...string) string {
	return c.cfg.Topic + "/" + strings.Join(parts, "/")
}

// failing says once that there is no connection, and why; and again if the reason
// is another.
func (c *Client) failing(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reason := why(err)
	if c.lost == reason {
		return
	}
	c.lost = reason
	c.cfg.Log.Warn().Str("reason", reason).Msg("MQTT broker cannot be reached; trying until it can")
}

// why says what a user can do about an error.
func why(err error) string {
	var authority x509.UnknownAuthorityError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case err == nil:
		return "the connection was closed"
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "user name or password is wrong, or is needed (" + err.Error() + ")"
	case errors.As(err, &authority):
		return "its certificate is signed by an authority that is not known here: see --mqtt-ca (" + err.Error() + ")"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there (connection refused)"
	case errors.Is(err, io.EOF), strings.HasSuffix(err.Error(), "(<nil>)"): // so paho says it
		return "it hung up: is the scheme right, tcp:// or ssl://?"
	case errors.As(err, &dns):
		return "no such host: " + dns.Name
	case errors.As(err, &op) && op.Timeout():
		return "no answer (timeout)"
	}
	return strings.TrimPrefix(err.Error(), "network Error : ")
}

// connected sends a new connection everything that is retained.
func (c *Client) connected(client paho.Client) {
	c.mu.Lock()
	again := c.lost != ""
	c.lost = ""
	dropped := c.dropped
	c.dropped = 0
	c.mu.Unlock()
	c.cfg.Log.Info().Bool("again", again).Int("events_lost", dropped).Msg("MQTT broker connected")
	if c.cfg.Discovery != "" {
		client.Subscribe(c.cfg.Discovery+"/status", qos, func(_ paho.Client, m paho.Message) {
			if string(m.Payload()) == online { // Home Assistant has started
				c.sendAll()
			}
		})
		c.sweep(client)
	}
	c.sendAll()
}

// sendAll publishes discovery, states and that riffle is there.
func (c *Client) sendAll() {
	c.mu.Lock()
	all := slices.Clone(c.announced)
	for _, t := range c.order {
		all = append(all, message{t, []byte(c.retained[t]), true})
	}
	c.mu.Unlock()
	for _, m := range append(all, message{c.topic("status"), []byte(online), true}) {
		c.send(m)
	}
}

// send queues a message for the publishing goroutine.
func (c *Client) send(m message) {
	if c.paho.IsConnectionOpen() {
		select {
		case c.queue <- m:
			return
		default:
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !m.retain {
		c.dropped++
	}
}

// keep sends a state if it is new, and remembers it.
func (c *Client) keep(topic, value string) {
	c.mu.Lock()
	old, ok := c.retained[topic]
	if !ok {
		c.order = append(c.order, topic)
	}
	c.retained[topic] = value
	c.mu.Unlock()
	if !ok || old != value {
		c.send(message{topic, []byte(value), true})
	}
}

func (c *Client) publish() {
	for {
		select {
		case m := <-c.queue:
			c.paho.Publish(m.topic, qos, m.retain, m.data).WaitTimeout(grace)
		case <-c.done:
			return
		}
	}
}

// Event publishes an event, and what it says of the camera's state.
func (c *Client) Event(e *video.Event) error {
	switch e.Event {
	case "camera_up":
		c.keep(c.topic(e.Camera, "status"), online)
	case "camera_down":
		c.keep(c.topic(e.Camera, "status"), offline)
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	c.send(message{topic: c.topic(e.Camera, "events"), data: data})
	return nil
}

// State publishes what has changed.
func (c *Client) State(camera string, s *video.State) {
	cam := c.camera(camera)
	if cam == nil {
		return
	}
	if cam.Motion.On {
		c.keep(c.topic(camera, "motion"), onOff(s.Motion))
	}
	for label := range s.Objects {
		c.label(cam, label)
	}
	for _, label := range c.labels(camera) {
		c.keep(c.topic(camera, "objects", part(label)), fmt.Sprint(s.Objects[label]))
	}
	for i, z := range cam.Zones {
		c.keep(c.topic(camera, "zones", z.Name), onOff(len(s.Zones[i]) > 0))
		c.keep(c.topic(camera, "zones", z.Name, "objects"), asJSON(s.Zones[i]))
	}
	for i, l := range cam.Lines {
		c.keep(c.topic(camera, "lines", l.Name), asJSON(s.Lines[i]))
	}
}

// Snapshot publishes a picture. It is not sent again: it may be large.
func (c *Client) Snapshot(camera, label string, jpeg []byte) {
	if cam := c.camera(camera); cam != nil {
		c.label(cam, label)
		c.send(message{c.topic(camera, "snapshot", part(label)), jpeg, true})
	}
}

// Close says that riffle is gone and ends the connection.
func (c *Client) Close() {
	for i := range c.cfg.Cameras {
		c.keep(c.topic(c.cfg.Cameras[i].Name, "status"), offline)
	}
	end := time.Now().Add(grace)
	for len(c.queue) > 0 && time.Now().Before(end) && c.paho.IsConnectionOpen() {
		time.Sleep(5 * time.Millisecond)
	}
	close(c.done)
	c.wait.Wait()
	if c.paho.IsConnectionOpen() {
		c.paho.Publish(c.topic("status"), qos, true, offline).WaitTimeout(grace)
	}
	c.paho.Disconnect(250)
}

func (c *Client) camera(name string) *video.Camera {
	for i := range c.cfg.Cameras {
		if c.cfg.Cameras[i].Name == name {
			return &c.cfg.Cameras[i]
		}
	}
	return nil
}

func onOff(v bool) string {
	if v {
		return "ON"
	}
	return "OFF"
}

func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of numbers
	}
	return string(data)
}

// part is a label as a part of a topic.
func part(label string) string { return strings.ReplaceAll(label, " ", "_") }
