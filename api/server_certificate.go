package api

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// certificate is the service's own, read again when its files change: those of
// Let's Encrypt are renewed every few weeks, by programs that know nothing of
// the service.
type certificate struct {
	certFile, keyFile string
	log               zerolog.Logger
	now               func() time.Time // tests set it

	mu      sync.Mutex
	current *tls.Certificate
	read    [2]fileState // of the files, when current was read
	refused [2]fileState // of files that could not be used
	checked time.Time
}

// certificatePause is how often the files are looked at, at most.
const certificatePause = time.Second

// fileState tells whether a file has changed.
type fileState struct {
	size     int64
	modified time.Time
}

func stateOf(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info.Size(), info.ModTime()}
}

func openCertificate(certFile, keyFile string, log zerolog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	c.checked = c.now()
	if err := c.load(c.state()); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *certificate) state() [2]fileState {
	return [2]fileState{stateOf(c.certFile), stateOf(c.keyFile)}
}

func (c *certificate) load(state [2]fileState) error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("cannot read certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.current, c.read = &pair, state
	return nil
}

// get is tls.Config.GetCertificate. Files that cannot be used, such as a new
// certificate before its key is there, leave the old one in force and are tried
// again when they change.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.checked) < certificatePause {
		return c.current, nil
	}
	c.checked = now
	state := c.state()
	if state == c.read || state == c.refused {
		return c.current, nil
	}
	if err := c.load(state); err != nil {
		c.refused = state
		c.log.Warn().Err(err).Msg("the new certificate cannot be used, the old one stays")
		return c.current, nil
	}
	c.log.Info().Str("file", c.certFile).Time("until", c.current.Leaf.NotAfter).Msg("new certificate")
	return c.current, nil
}
