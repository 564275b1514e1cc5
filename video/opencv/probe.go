//go:build opencv

package opencv

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"example.com/riffle/video"
)

// OpenCV says that a source cannot be opened, never why. These ask the source
// again, in Go, after it has failed.

const probeLimit = 5 * time.Second

// whyNot is the reason for which a source cannot be opened, as far as it can be
// found out. It tells no secrets.
func whyNot(s video.Source) error {
	if s.Kind != video.Stream {
		return whyNotFile(s)
	}
	u, err := url.Parse(s.Target)
	if err != nil {
		return errors.New("the address is wrong")
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme == "udp" || scheme == "srt" {
		return errors.New("nothing comes from there")
	}
	host := u.Host
	if u.Port() == "" {
		port := map[string]string{"rtsp": "554", "rtsps": "322", "rtmp": "1935", "rtmps": "443", "http": "80", "https": "443"}[scheme]
		host = net.JoinHostPort(u.Hostname(), port)
	}
	conn, err := net.DialTimeout("tcp", host, probeLimit)
	if err != nil {
		return plainReason(err)
	}
	conn.Close()
	if scheme == "rtsp" {
		return whyNotRTSP(s.Target)
	}
	return errors.New("it answers, but not with a video that OpenCV can read")
}

// whyNotFile opens a file or device itself.
func whyNotFile(s video.Source) error {
	f, err := os.OpenFile(s.Target, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return plainReason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return plainReason(err)
	case info.IsDir():
		return errors.New("is a directory")
	case s.Kind == video.Device:
		return errors.New("the device is there but gives no pictures: is another program using it?")
	case info.Mode().IsRegular() && info.Size() == 0:
		return errors.New("the file is empty")
	}
	return errors.New("OpenCV knows no such format")
}

// whyNotRTSP asks a server what it offers at an address.
func whyNotRTSP(address string) error {
	u, err := base.ParseURL(address)
	if err != nil {
		return errors.New("the address is wrong")
	}
	tcp := gortsplib.TransportTCP
	c := gortsplib.Client{Transport: &tcp, ReadTimeout: probeLimit, WriteTimeout: probeLimit}
	if err := c.Start(u.Scheme, u.Host); err != nil {
		return plainReason(err)
	}
	defer c.Close()
	desc, _, err := c.Describe(u)
	var status liberrors.ErrClientBadStatusCode
	switch {
	case errors.As(err, &status) && status.Code == base.StatusUnauthorized && u.User == nil:
		return errors.New("it asks for a user name and a password (401 Unauthorized)")
	case errors.As(err, &status) && status.Code == base.StatusUnauthorized:
		return errors.New("user name or password is wrong (401 Unauthorized)")
	case errors.As(err, &status) && status.Code == base.StatusNotFound:
		return errors.New("there is no stream of that path (404 Not Found)")
	case errors.As(err, &status):
		return fmt.Errorf("it answers %d %s", status.Code, status.Message)
	case err != nil:
		return plainReason(err)
	case len(desc.Medias) == 0:
		return errors.New("the stream has no video")
	}
	return errors.New("the server describes the stream, but OpenCV cannot read it")
}

// plainReason takes away what an error says of operations and addresses, which may
// hold a password.
func plainReason(err error) error {
	var path *fs.PathError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &dns):
		return fmt.Errorf("no such host: %s", dns.Name)
	case errors.As(err, &op) && op.Timeout():
		return errors.New("no answer (timeout)")
	}
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}
