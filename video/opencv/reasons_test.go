//go:build opencv

package opencv

import (
	"bufio"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/riffle/video"
)

// rtspAnswers is a server that answers every request but OPTIONS with a status.
func rtspAnswers(t *testing.T, status string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := textproto.NewReader(bufio.NewReader(c))
				for {
					line, err := r.ReadLine()
					if err != nil {
						return
					}
					h, err := r.ReadMIMEHeader()
					if err != nil {
						return
					}
					answer := "RTSP/1.0 " + status
					if strings.HasPrefix(line, "OPTIONS") {
						answer = "RTSP/1.0 200 OK\r\nPublic: DESCRIBE, SETUP, PLAY"
					}
					_, err = c.Write([]byte(answer + "\r\nCSeq: " + h.Get("CSeq") +
						"\r\nWWW-Authenticate: Digest realm=\"camera\", nonce=\"abc\"\r\nContent-Length: 0\r\n\r\n"))
					if err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// An error says why a source cannot be opened, and tells no password.
func TestReasons(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	dir := t.TempDir()
	empty, junk := filepath.Join(dir, "empty.avi"), filepath.Join(dir, "junk.avi")
	for path, data := range map[string]string{empty: "", junk: "this is not a video"} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	locked, wrongPath, broken := rtspAnswers(t, "401 Unauthorized"), rtspAnswers(t, "404 Not Found"), rtspAnswers(t, "503 Service Unavailable")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	for source, want := range map[string]string{
		"rtsp://admin:wrongword@" + locked + "/s":    "user name or password is wrong (401 Unauthorized)",
		"rtsp://" + locked + "/s":                    "it asks for a user name and a password (401 Unauthorized)",
		"rtsp://admin:wrongword@" + wrongPath + "/s": "there is no stream of that path (404 Not Found)",
		"rtsp://" + broken + "/s":                    "it answers 503",
		"rtsp://admin:wrongword@" + nobody + "/s":    "connection refused",
		"rtmp://" + nobody + "/s":                    "connection refused",
		"/dev/video97":                               "no such file or directory",
		filepath.Join(dir, "gone.avi"):               "no such file or directory",
		dir:                                          "is a directory",
		empty:                                        "the file is empty",
		junk:                                         "OpenCV knows no such format",
	} {
		s, err := video.ParseSource(source)
		if err != nil {
			t.Fatal(err)
		}
		c, err := library(t).Open(s)
		if err == nil {
			c.Close()
			t.Errorf("%s is open", source)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "wrongword") {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}
