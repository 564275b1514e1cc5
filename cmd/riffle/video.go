package main

import (
	"errors"
	"time"
)

// videoCmd's flags are also the keys of its configuration file. Its Run needs the
// build tag opencv; without it, it says so.
type videoCmd struct {
	Sources []string `arg:"" optional:"" name:"source" help:"Number of a camera, video file, or address (rtsp://, http:// of an MJPEG stream, ...). Cameras may also be in the configuration file."`

	Out       string `short:"o" placeholder:"FILE" help:"Write a video with boxes, numbers and zones: .mp4, .mkv, .avi, .mov or .webm."`
	Codec     string `placeholder:"FOURCC" help:"Codec of that video, such as avc1 for H.264; plain MPEG-4 if none is given."`
	Events    string `short:"e" placeholder:"FILE" help:"Append events to this file as lines of JSON; - for standard output."`
	Tracks    string `placeholder:"FILE" help:"Write all objects of every frame to this file as lines of JSON; - for standard output."`
	HTTP      string `name:"http" env:"RIFFLE_VIDEO_HTTP" placeholder:"HOST:PORT" help:"Live pictures, events and metrics for browsers at this address. Everyone who reaches it may watch."`
	Snapshots string `placeholder:"DIR" help:"Write the best picture of every object that has gone into this folder."`
	Width     uint   `name:"snapshot-width" default:"0" placeholder:"PIXELS" help:"Scale wider snapshots down to this width, as for messages on a phone; 0 to leave them as they are."`

	EveryFrame *bool         `group:"Frames:" negatable:"" help:"Look at every frame, however long that takes. The default for files; --no-every-frame plays a file at its own pace and leaves out what comes too fast."`
	Motion     *bool         `group:"Frames:" negatable:"" help:"Look only while something moves. The default for cameras, not for files."`
	MotionPart float64       `group:"Frames:" name:"motion-share" default:"0.001" placeholder:"PART" help:"Part of the picture that must change to count as motion (${default})."`
	MotionHold time.Duration `group:"Frames:" default:"3s" placeholder:"TIME" help:"Go on looking so long after the last motion (${default})."`
	Stall      time.Duration `group:"Frames:" default:"10s" placeholder:"TIME" help:"A camera that sends nothing for so long is opened anew (${default})."`

	Threshold     float64       `group:"Objects:" short:"t" default:"0.5" env:"RIFFLE_VIDEO_THRESHOLD" help:"Score from which something is a new object, more than 0 to 1 (${default}); one that is followed may score less."`
	Labels        []string      `group:"Objects:" short:"l" placeholder:"NAME,..." help:"Follow only these kinds of objects."`
	After         time.Duration `group:"Objects:" default:"0s" placeholder:"TIME" help:"An object must have been followed so long before it is told (${default})."`
	Model         string        `group:"Objects:" short:"m" env:"RIFFLE_MODEL" placeholder:"NAME|FILE" help:"Embedded model or safetensors file, at the size it was trained for; what --quality chooses if not given."`
	qualityFlags  `group:"Objects:"`
	precisionFlag `group:"Objects:"`
	stageFlag     `group:"Objects:"`
	Threads       int `group:"Objects:" default:"0" env:"RIFFLE_THREADS" help:"Threads that work on one frame; 0 for what suits processors and cameras."`
	Workers       int `group:"Objects:" default:"0" env:"RIFFLE_WORKERS" help:"Frames worked on at a time, over all cameras; 0 for one a camera, as far as processors allow."`

	MQTT          string `group:"MQTT:" name:"mqtt" env:"RIFFLE_MQTT" placeholder:"URL" help:"Broker that events and states go to, such as tcp://localhost:1883 or ssl://host:8883."`
	MQTTUsername  string `group:"MQTT:" name:"mqtt-username" env:"RIFFLE_MQTT_USERNAME" placeholder:"NAME" help:"User name for the broker."`
	MQTTPassword  string `group:"MQTT:" name:"mqtt-password" env:"RIFFLE_MQTT_PASSWORD" placeholder:"PASSWORD" help:"Password for it. Others on this machine can see the command line: rather use the environment or the configuration file."`
	MQTTCA        string `group:"MQTT:" name:"mqtt-ca" env:"RIFFLE_MQTT_CA" placeholder:"FILE" help:"PEM file of the authority that signed the broker's certificate, if the system does not know it."`
	MQTTTopic     string `group:"MQTT:" name:"mqtt-topic" default:"riffle" env:"RIFFLE_MQTT_TOPIC" placeholder:"TOPIC" help:"First part of all topics (${default})."`
	MQTTDiscovery string `group:"MQTT:" name:"mqtt-discovery" default:"homeassistant" env:"RIFFLE_MQTT_DISCOVERY" placeholder:"TOPIC" help:"Where Home Assistant looks for new devices (${default}); empty for no discovery."`

	Benchmark bool `help:"Print frames a second and where the time went when done."`

	logFlags `embed:""`

	Config videoConfigFile `placeholder:"FILE" help:"YAML file with values for these flags, by their names, and cameras with their zones and lines."`
}

// Help is shown below the flags.
func (*videoCmd) Help() string {
	return `Objects get numbers that they keep. Events say who came and went, entered zones and crossed lines. SIGINT and SIGTERM complete what is being written; a second one does not wait. A camera that is lost is tried again for ever; docs/camera.md explains everything.

    riffle video street.mp4 --out drawn.mp4 --events -
    riffle video 0 --http 127.0.0.1:8090
    riffle video rtsp://user:secret@camera/stream --labels person,dog --snapshots seen/
    riffle video --config cameras.yaml`
}

// Validate is called by kong after parsing.
func (c *videoCmd) Validate() error {
	switch {
	case !(c.Threshold > 0 && c.Threshold <= 1):
		return errors.New("--threshold must be more than 0 and at most 1")
	case !(c.MotionPart > 0 && c.MotionPart < 1):
		return errors.New("--motion-share must be more than 0 and less than 1")
	case c.MotionHold < 0:
		return errors.New("--motion-hold must not be negative")
	case c.Stall <= 0:
		return errors.New("--stall must be positive")
	case c.After < 0:
		return errors.New("--after must not be negative")
	case c.Threads < 0:
		return errors.New("--threads must not be negative")
	case c.Workers < 0:
		return errors.New("--workers must not be negative")
	case len(c.Sources) == 0 && c.Config == "":
		return errors.New("give a camera, file or address, or a --config with cameras")
	case c.Codec != "" && len(c.Codec) != 4:
		return errors.New("--codec wants four letters, such as mp4v")
	}
	return c.checkSize()
}
