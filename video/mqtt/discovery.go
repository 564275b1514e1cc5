package mqtt

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	paho "github.com/eclipse/paho.mqtt.golang"

	"example.com/riffle/video"
	"example.com/riffle/video/scene"
)

// entity is a discovery message of Home Assistant's MQTT integration
// (https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery).
type entity map[string]any

// announce makes the messages for what is known from the start.
func (c *Client) announce() {
	for i := range c.cfg.Cameras {
		cam := &c.cfg.Cameras[i]
		c.entity(cam, "binary_sensor", "status", entity{
			"name": "Connection", "state_topic": c.topic(cam.Name, "status"), "payload_on": online, "payload_off": offline,
			"device_class": "connectivity", "entity_category": "diagnostic", "availability_mode": "any",
		})
		c.entity(cam, "event", "events", entity{
			"name": "Events", "availability_mode": "any", // or camera_down could not be seen
			"state_topic": c.topic(cam.Name, "events"), "event_types": eventTypes(cam),
			"value_template": "{{ dict(event_type=value_json.event, text=value_json.text, label=value_json.label | default(none), " +
				"id=value_json.id | default(none), zone=value_json.zone | default(none), line=value_json.line | default(none), " +
				"direction=value_json.direction | default(none), was=value_json.was | default(none), stayed=value_json.stayed | default(none)) | to_json }}",
		})
		if cam.Motion.On {
			c.entity(cam, "binary_sensor", "motion", entity{"name": "Motion", "state_topic": c.topic(cam.Name, "motion"), "device_class": "motion"})
		}
		for _, label := range cam.Labels {
			c.label(cam, label)
		}
		for _, z := range cam.Zones {
			c.entity(cam, "binary_sensor", "zone_"+z.Name, entity{
				"name": "Zone " + z.Name, "state_topic": c.topic(cam.Name, "zones", z.Name), "device_class": "occupancy",
				"json_attributes_topic": c.topic(cam.Name, "zones", z.Name, "objects"),
			})
		}
		for _, l := range cam.Lines {
			for _, way := range []string{"in", "out"} {
				c.entity(cam, "sensor", "line_"+l.Name+"_"+way, entity{
					"name": "Line " + l.Name + " " + way, "state_topic": c.topic(cam.Name, "lines", l.Name),
					"value_template": "{{ value_json." + way + " }}", "state_class": "total_increasing", "icon": "mdi:counter",
				})
			}
		}
	}
}

func eventTypes(cam *video.Camera) []string {
	types := []string{"camera_up", "camera_down", string(scene.ObjectNew), string(scene.ObjectEnd), string(scene.ObjectLabel)}
	if cam.Motion.On {
		types = append(types, "motion_start", "motion_end")
	}
	if len(cam.Zones) > 0 {
		types = append(types, string(scene.ZoneEnter), string(scene.ZoneLeave))
	}
	if len(cam.Lines) > 0 {
		types = append(types, string(scene.LineCross))
	}
	return types
}

// label announces what there is of a kind of objects, once.
func (c *Client) label(cam *video.Camera, label string) {
	name := strings.ToUpper(label[:1]) + label[1:]
	c.entity(cam, "sensor", "objects_"+part(label), entity{
		"name": name + " count", "state_topic": c.topic(cam.Name, "objects", part(label)),
		"state_class": "measurement", "icon": "mdi:counter",
	})
	c.entity(cam, "image", "snapshot_"+part(label), entity{
		"name": "Last " + label, "image_topic": c.topic(cam.Name, "snapshot", part(label)), "content_type": "image/jpeg",
	})
}

// labels are those announced of a camera.
func (c *Client) labels(camera string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for key := range c.known {
		if l, ok := strings.CutPrefix(key, camera+"/objects_"); ok {
			out = append(out, strings.ReplaceAll(l, "_", " "))
		}
	}
	slices.Sort(out)
	return out
}

// node is a camera's part of discovery topics.
func (c *Client) node(cam *video.Camera) string {
	return part(strings.ReplaceAll(c.cfg.Topic, "/", "_")) + "_" + cam.Name
}

// sweep takes away what an earlier run announced of a camera and this one does not,
// as of a zone that has another name now. Kinds of objects that a camera has seen
// before are announced again, unless it is told to look for others only.
func (c *Client) sweep(client paho.Client) {
	for i := range c.cfg.Cameras {
		cam := &c.cfg.Cameras[i]
		client.Subscribe(fmt.Sprintf("%s/+/%s/+/config", c.cfg.Discovery, c.node(cam)), qos, func(_ paho.Client, m paho.Message) {
			if m.Retained() && len(m.Payload()) > 0 {
				c.found(cam, m.Topic(), m.Payload())
			}
		})
	}
}

// found is told of each message of discovery that the broker has kept.
func (c *Client) found(cam *video.Camera, topic string, payload []byte) {
	c.mu.Lock()
	ours := slices.ContainsFunc(c.announced, func(m message) bool { return m.topic == topic })
	c.mu.Unlock()
	if ours {
		return
	}
	parts := strings.Split(topic, "/")
	thing := parts[len(parts)-2]
	for _, kind := range []string{"objects_", "snapshot_"} {
		if l, ok := strings.CutPrefix(thing, kind); ok && l != "" && len(cam.Labels) == 0 {
			c.label(cam, strings.ReplaceAll(l, "_", " "))
			c.initially(c.topic(cam.Name, "objects", l), "0")
			return
		}
	}
	c.send(message{topic, nil, true})
	var e struct {
		State      string `json:"state_topic"`
		Attributes string `json:"json_attributes_topic"`
		Image      string `json:"image_topic"`
	}
	_ = json.Unmarshal(payload, &e) // what is not JSON has no topics
	for _, t := range []string{e.State, e.Attributes, e.Image} {
		c.mu.Lock()
		_, used := c.retained[t]
		c.mu.Unlock()
		if !used && strings.HasPrefix(t, c.topic(cam.Name)+"/") {
			c.send(message{t, nil, true})
		}
	}
}

// initially keeps a state unless there is one.
func (c *Client) initially(topic, value string) {
	c.mu.Lock()
	_, known := c.retained[topic]
	c.mu.Unlock()
	if !known {
		c.keep(topic, value)
	}
}

// entity completes a message and sends it, or leaves it for the connection that
// comes. What was announced is not announced again.
func (c *Client) entity(cam *video.Camera, component, thing string, e entity) {
	if c.cfg.Discovery == "" && !strings.HasPrefix(thing, "objects_") {
		return
	}
	key := cam.Name + "/" + thing
	node := c.node(cam)
	e["origin"] = entity{"name": "riffle", "sw_version": c.cfg.Version}
	e["unique_id"] = node + "_" + thing
	e["device"] = entity{
		"identifiers": []string{node}, "name": cam.Name, "manufacturer": "riffle", "model": "camera", "sw_version": c.cfg.Version,
	}
	available := []entity{{"topic": c.topic("status")}}
	if e["availability_mode"] == nil { // all but what is of use while the camera is away
		available = append(available, entity{"topic": c.topic(cam.Name, "status")})
		e["availability_mode"] = "all"
	}
	e["availability"] = available
	m := message{fmt.Sprintf("%s/%s/%s/%s/config", c.cfg.Discovery, component, node, thing), []byte(asJSON(e)), true}
	c.mu.Lock()
	if c.known[key] {
		c.mu.Unlock()
		return
	}
	c.known[key] = true
	if c.cfg.Discovery != "" {
		c.announced = append(c.announced, m)
	}
	c.mu.Unlock()
	if c.cfg.Discovery != "" && c.paho != nil {
		c.send(m)
	}
}
