// Command rtsp serves a folder of JPEG files, in the order of their names and over
// and over, as an RTSP camera: rtsp://ADDR/camera. It is for tests, and a module
// of its own so that riffle does not depend on an RTSP server.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
)

// handler gives every client the same stream.
type handler struct{ stream *gortsplib.ServerStream }

func (h *handler) OnDescribe(*gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, h.stream, nil
}

func (h *handler) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, h.stream, nil
}

func (h *handler) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8554", "where to listen")
	fps := flag.Int("fps", 10, "frames a second")
	flag.Parse()
	names, err := filepath.Glob(filepath.Join(flag.Arg(0), "*.jpg"))
	if err != nil || len(names) == 0 {
		log.Fatalf("no .jpg files in %s", flag.Arg(0))
	}
	codec := &format.MJPEG{}
	encoder, err := codec.CreateEncoder()
	if err != nil {
		log.Fatal(err)
	}
	media := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{codec}}
	h := &handler{}
	server := &gortsplib.Server{Handler: h, RTSPAddress: *addr}
	if err := server.Start(); err != nil {
		log.Fatal(err)
	}
	h.stream = gortsplib.NewServerStream(server, &description.Session{Medias: []*description.Media{media}})
	start := time.Now()
	tick := time.NewTicker(time.Second / time.Duration(*fps))
	for n := 0; ; n++ {
		<-tick.C
		data, err := os.ReadFile(names[n%len(names)])
		if err != nil {
			log.Fatal(err)
		}
		packets, err := encoder.Encode(data)
		if err != nil {
			log.Fatal(err)
		}
		at := uint32(time.Since(start).Seconds() * 90000) // of all packets of the frame
		for _, p := range packets {
			p.Timestamp = at
			if err := h.stream.WritePacketRTP(media, p); err != nil {
				log.Fatal(err)
			}
		}
	}
}
