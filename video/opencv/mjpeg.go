//go:build opencv

package opencv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"example.com/riffle/photo"
	"example.com/riffle/video"
)

// mjpeg reads a camera that sends JPEGs as parts of an endless HTTP answer. FFmpeg
// could, too, but takes seconds to begin and does not follow when the camera
// changes its resolution (see freezeWatch).
type mjpeg struct {
	body   io.ReadCloser
	parts  *multipart.Reader
	cancel context.CancelFunc
	data   []byte
	source video.Source

	damaged bool // the picture last read
}

const (
	answerLimit = 15 * time.Second // for the header
	silentLimit = 20 * time.Second // for the next byte: the loop gives up sooner
	maxJPEG     = 32 << 20
)

// openMJPEG asks an HTTP address. If the answer is no MJPEG it returns nothing,
// and the address is FFmpeg's; an answer that is an error is one.
func openMJPEG(s video.Source) (video.Capture, error) {
	if !strings.HasPrefix(strings.ToLower(s.Target), "http") {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &mjpeg{cancel: cancel, source: s}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Target, nil)
	if err != nil {
		cancel()
		return nil, errors.New("the address is wrong")
	}
	dialer := &net.Dialer{Timeout: answerLimit}
	client := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: answerLimit, TLSHandshakeTimeout: answerLimit, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return patientConn{c}, nil
		},
	}}
	resp, err := client.Do(req) //nolint:bodyclose // Close does, when the camera is given up
	if err != nil {
		cancel()
		for errors.Unwrap(err) != nil { // the address, with its password, is in the outer ones
			err = errors.Unwrap(err)
		}
		return nil, err
	}
	m.body = resp.Body
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK:
		m.Close()
		return nil, fmt.Errorf("it answers %s", resp.Status)
	case err != nil || kind != "multipart/x-mixed-replace" || params["boundary"] == "":
		m.Close()
		return nil, nil
	}
	// Some cameras name the boundary with the dashes that are not part of it.
	m.parts = multipart.NewReader(resp.Body, strings.TrimPrefix(params["boundary"], "--"))
	return m, nil
}

// patientConn is a connection whose reads end at some time.
type patientConn struct{ net.Conn }

func (c patientConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(silentLimit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Read takes the next part that is a picture.
func (m *mjpeg) Read(into video.Picture) error {
	p := into.(*picture)
	for bad := 0; ; bad++ {
		part, err := m.parts.NextRawPart()
		if err != nil {
			return plainEnd(err)
		}
		if m.data, err = readAll(m.data[:0], part); err != nil {
			return plainEnd(err)
		}
		if m.decode(p) {
			return usable(p)
		}
		if bad >= 50 {
			return errors.New("its parts are no pictures")
		}
	}
}

// decode makes a picture of the part at hand, by OpenCV, or by what riffle reads
// photos with, which reads some that OpenCV refuses.
func (m *mjpeg) decode(p *picture) bool {
	if len(m.data) == 0 {
		return false
	}
	mat, err := gocv.IMDecode(m.data, gocv.IMReadColor)
	m.damaged = !bytes.HasSuffix(bytes.TrimRight(m.data, "\x00\r\n"), []byte{0xff, 0xd9}) && bytes.HasPrefix(m.data, []byte{0xff, 0xd8})
	if err != nil || mat.Empty() {
		mat.Close()
		still, err := photo.Decode(m.data, photo.Options{})
		if err != nil {
			return false
		}
		if mat, err = gocv.ImageToMatRGB(still); err != nil {
			return false
		}
		m.damaged = len(still.Warnings) > 0
	}
	p.mat.Close()
	p.mat = mat
	return true
}

// Damaged tells of a JPEG that has no end.
func (m *mjpeg) Damaged() bool { return m.damaged }

// readAll is io.ReadAll into memory that is there, up to maxJPEG.
func readAll(dst []byte, r io.Reader) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		case len(dst) > maxJPEG:
			return dst, errors.New("a part is larger than any picture")
		}
	}
}

func plainEnd(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || strings.HasSuffix(err.Error(), "EOF") {
		return io.EOF
	}
	return err
}

// FPS is not known of MJPEG.
func (*mjpeg) FPS() float64 { return 0 }

// Stamp is not known of MJPEG.
func (*mjpeg) Stamp() (time.Duration, bool) { return 0, false }

// Duration is not known: it has no end.
func (*mjpeg) Duration() time.Duration { return 0 }

// Close hangs up.
func (m *mjpeg) Close() {
	m.cancel()
	m.body.Close()
}
