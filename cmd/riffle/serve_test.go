package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is riffle serve as a process of its own.
type service struct {
	cmd  *exec.Cmd
	url  string
	done chan struct{} // closed at the process's end
	log  *bytes.Buffer // what it logged; safe to read after done
}

// serve starts the service on a free port and waits until it listens.
func serve(t *testing.T, args ...string) *service {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM there")
	}
	s := &service{cmd: process(append([]string{"serve", "--addr", "127.0.0.1:0", "--log-format", "json"}, args...)...)}
	s.done, s.log = make(chan struct{}), &bytes.Buffer{}
	pipe, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			s.log.WriteString(lines.Text() + "\n")
			var line struct{ Message, URL string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "listening" {
				listening <- line.URL
			}
		}
		_ = s.cmd.Wait() // the exit code is in ProcessState
		close(s.done)
	}()
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	select {
	case s.url = <-listening:
	case <-s.done:
		t.Fatalf("it ended: %v\n%s", s.cmd.ProcessState, s.log)
	case <-time.After(time.Minute):
		t.Fatal("it does not listen")
	}
	return s
}

// stop sends SIGTERM and returns the exit code.
func (s *service) stop(t *testing.T) int {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

// patient sends a body only when the service begins to read it.
var patient = &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}

func post(t *testing.T, url, contentType string, body io.Reader) (int, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Expect", "100-continue")
	resp, err := patient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, data
}

// The service and the command line say the same of a photo, in all three forms
// of request.
func TestServeAnswersAsDetect(t *testing.T) {
	street := filepath.Join("..", "..", "docs", "street.jpg")
	want := parsePhotos(t, command(t, "detect", "--json", street).out)[0].Detections
	data, err := os.ReadFile(street)
	if err != nil {
		t.Fatal(err)
	}
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	part, err := mw.CreateFormFile("image", "street.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := mw.Close(); err != nil {
		t.Fatal(err)
	}
	inJSON, err := json.Marshal(map[string][]byte{"image": data})
	if err != nil {
		t.Fatal(err)
	}

	s := serve(t)
	for _, c := range []struct {
		contentType string
		body        []byte
	}{{mw.FormDataContentType(), form.Bytes()}, {"image/jpeg", data}, {"application/json", inJSON}} {
		status, answer := post(t, s.url+"/detect", c.contentType, bytes.NewReader(c.body))
		var got photoResult
		if err := json.Unmarshal(answer, &got); status != http.StatusOK || err != nil {
			t.Errorf("%.20s: %d, %v: %s", c.contentType, status, err, answer)
			continue
		}
		if !slices.Equal(got.Detections, want) {
			t.Errorf("%.20s: got %v\nwant %v", c.contentType, got.Detections, want)
		}
	}
	if status, answer := post(t, s.url+"/detect", "image/jpeg", strings.NewReader("text")); status/100 != 4 {
		t.Errorf("text as a photo: %d %s", status, answer)
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, s.log)
	}
}

// SIGTERM lets a request in flight finish, refuses new connections and ends
// with exit code 0.
func TestServeFinishesWhatIsInFlight(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		s := serve(t)
		data := jpegBytes(t, picture(640, 480))
		body, feed := io.Pipe()
		type answer struct {
			status int
			body   []byte
		}
		answered := make(chan answer, 1)
		go func() {
			status, got := post(t, s.url+"/detect?threshold=0.0002", "image/jpeg", body)
			answered <- answer{status, got}
		}()
		if _, err := feed.Write(data[:len(data)/2]); err != nil { // returns when the service is reading
			t.Fatal(err)
		}
		if err := s.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		waitUntilRefused(t, s.url)
		if _, err := feed.Write(data[len(data)/2:]); err != nil {
			t.Fatal(err)
		}
		feed.Close()
		select {
		case a := <-answered:
			var got photoResult
			if err := json.Unmarshal(a.body, &got); a.status != http.StatusOK || err != nil || len(got.Detections) == 0 {
				t.Errorf("after %v: %d %s", signal, a.status, a.body)
			}
		case <-time.After(time.Minute):
			t.Fatalf("after %v: no answer", signal)
		}
		<-s.done
		if code := s.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("after %v: exit code %d\n%s", signal, code, s.log)
		}
	}
}

// A service that is killed in the middle of its work leaves nothing to repair:
// the next one takes its place at the same address.
func TestServeAfterAKill(t *testing.T) {
	s := serve(t)
	photo := jpegBytes(t, picture(64, 48))
	body, feed := io.Pipe()
	over := make(chan struct{})
	go func() {
		defer close(over)
		if resp, err := http.Post(s.url+"/detect", "image/jpeg", body); err == nil {
			resp.Body.Close()
			t.Errorf("a killed service answers %d", resp.StatusCode)
		}
	}()
	if _, err := feed.Write(photo[:10]); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.done
	feed.CloseWithError(io.ErrUnexpectedEOF)
	<-over
	again := serve(t, "--addr", strings.TrimPrefix(s.url, "http://"))
	if again.url != s.url {
		t.Errorf("it listens on %s, want %s", again.url, s.url)
	}
	if status, answer := post(t, again.url+"/detect", "image/jpeg", bytes.NewReader(photo)); status != http.StatusOK {
		t.Errorf("%d %s", status, answer)
	}
	if code := again.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// waitUntilRefused returns when the service takes no new connections.
func waitUntilRefused(t *testing.T, url string) {
	t.Helper()
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 600 {
		resp, err := fresh.Get(url + "/healthz")
		if err != nil {
			return
		}
		resp.Body.Close()
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("new connections are still taken")
}

func TestServeErrors(t *testing.T) {
	taken := serve(t)
	host := strings.TrimPrefix(taken.url, "http://")
	command(t, "serve", "--addr", host, "--log-level", "off").wantError(t, 1, "cannot listen on "+host)
	command(t, "serve", "--model", "riffle-v2-1.5", "--log-level", "off").wantError(t, 1, `did you mean "riffle-v2-1.5x"?`)
	command(t, "serve", "--model", "riffle-v2-1.5x,riffle-v2-1.5x", "--log-level", "off").wantError(t, 2, "two models are called")
	dir := put(t, map[string][]byte{"broken.safetensors": []byte("no weights")})
	command(t, "serve", "--addr", "127.0.0.1:0", "--model", filepath.Join(dir, "broken.safetensors"), "--log-level", "off").
		wantError(t, 1, "model "+dir)
	command(t, "serve", "--debug-addr", "0.0.0.0:0", "--log-level", "off").wantError(t, 1, "0.0.0.0:0")
	if code := taken.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// The log may lose its reader without harm.
func TestServeSurvivesItsLog(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM there")
	}
	cmd := process("serve", "--addr", "127.0.0.1:0", "--log-format", "json")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	w.Close()
	var line struct{ URL string }
	if err := json.NewDecoder(r).Decode(&line); err != nil {
		t.Fatal(err)
	}
	r.Close()
	photo := jpegBytes(t, picture(64, 48))
	for range 2 {
		if status, answer := post(t, line.URL+"/detect", "image/jpeg", bytes.NewReader(photo)); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{"json": `"message":"hello"`, "auto": `"message":"hello"`, "console": "INF hello"} {
		var b bytes.Buffer
		f := logFlags{LogFormat: format, LogLevel: "info"}
		log := f.logger(&b)
		log.Info().Msg("hello")
		log.Debug().Msg("unheard")
		if !strings.Contains(b.String(), want) || strings.Contains(b.String(), "unheard") {
			t.Errorf("%s: %q, want %q", format, b.String(), want)
		}
	}
	var b bytes.Buffer
	f := logFlags{LogFormat: "json", LogLevel: "off"}
	log := f.logger(&b)
	log.Error().Msg("unheard")
	if b.Len() > 0 {
		t.Errorf("off: %q", b.String())
	}
}

// A client that insists on a model's name can have it.
func TestServeUnderAnotherName(t *testing.T) {
	s := serve(t, "--model", "ipcam-general=riffle-v2-1.5x,riffle-v2-1.5x")
	street, err := os.ReadFile(filepath.Join("..", "..", "docs", "street.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	var boxes []json.RawMessage
	for _, query := range []string{"", "?model=ipcam-general", "?model=riffle-v2-1.5x"} {
		status, answer := post(t, s.url+"/detect"+query, "image/jpeg", bytes.NewReader(street))
		var got struct {
			Model      string
			Detections json.RawMessage
		}
		if err := json.Unmarshal(answer, &got); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", query, status, answer)
		}
		if want := cmp.Or(strings.TrimPrefix(query, "?model="), "ipcam-general"); got.Model != want {
			t.Errorf("%q is answered by %s, want %s", query, got.Model, want)
		}
		boxes = append(boxes, got.Detections)
	}
	if !bytes.Equal(boxes[0], boxes[1]) || !bytes.Equal(boxes[0], boxes[2]) {
		t.Errorf("one model, three answers: %s", boxes)
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	command(t, "serve", "--model", "a=riffle-v2-1.5", "--log-level", "off").wantError(t, 1, `did you mean "riffle-v2-1.5x"?`)
	command(t, "serve", "--model", "a=riffle-v2-1.5x,a=riffle-v2-1.5x", "--log-level", "off").wantError(t, 2, `two models are called "a"`)
}

// Each model has workers, threads and a queue of its own, and is loaded when a
// request first names it.
func TestServeSeveralModels(t *testing.T) {
	const model = "riffle-v2-1.5x"
	s := serve(t, "--model", "a="+model+",b="+model, "--threads", "1,b=2", "--workers", "3,b=1", "--queue", "5,b=-1", "--max-wait", "b=1s")
	metrics := func(want ...string) {
		t.Helper()
		resp, err := http.Get(s.url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(body), w+"\n") {
				t.Errorf("no %q in the metrics", w)
			}
		}
	}
	metrics(`riffle_workers{model="a"} 3`, `riffle_workers{model="b"} 1`, `riffle_queue_limit{model="a"} 5`, `riffle_queue_limit{model="b"} 0`,
		`riffle_model_info{ap="",classes="",input="",model="b",weights=""} 0`)
	street, err := os.ReadFile(filepath.Join("..", "..", "docs", "street.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	var found [2]json.RawMessage
	for i, name := range []string{"a", "b"} {
		status, answer := post(t, s.url+"/detect?model="+name, "image/jpeg", bytes.NewReader(street))
		var got struct{ Detections json.RawMessage }
		if err := json.Unmarshal(answer, &got); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", name, status, answer)
		}
		found[i] = got.Detections
	}
	if !bytes.Equal(found[0], found[1]) {
		t.Errorf("one thread and two see different things:\n%s\n%s", found[0], found[1])
	}
	metrics(`classes="80",input="352x352",model="b",weights="riffle-v2-1.5x"} 1`)
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	command(t, "serve", "--threads", model+"x=2", "--log-level", "off").wantError(t, 2, `--threads: no model "riffle-v2-1.5xx" here, did you mean "riffle-v2-1.5x"?`)
}

func TestCutAlias(t *testing.T) {
	for in, want := range map[string][2]string{
		"riffle-v2-1.5x":     {"", "riffle-v2-1.5x"},
		"a=riffle-v2-1.5x":   {"a", "riffle-v2-1.5x"},
		"a=b/c=d":            {"a", "b/c=d"},
		"./a=b.safetensors":  {"", "./a=b.safetensors"},
		`c:\a=b.safetensors`: {"", `c:\a=b.safetensors`},
		"=b":                 {"", "=b"},
	} {
		if alias, name := cutAlias(in); alias != want[0] || name != want[1] {
			t.Errorf("%q: %q, %q, want %q", in, alias, name, want)
		}
	}
}
