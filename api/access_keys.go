package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// keyring holds the hashes of the accepted API keys. Hashes have one length, so
// that comparing them tells nothing, not even how long a key is.
type keyring [][sha256.Size]byte

func newKeyring(keys []string) keyring {
	ring := make(keyring, len(keys))
	for i, k := range keys {
		ring[i] = sha256.Sum256([]byte(k))
	}
	return ring
}

// accepts compares in constant time, with every key.
func (ring keyring) accepts(key string) bool {
	sum := sha256.Sum256([]byte(key))
	ok := 0
	for i := range ring {
		ok |= subtle.ConstantTimeCompare(ring[i][:], sum[:])
	}
	return ok == 1
}

// headerKey is the API key in a request's header: as a bearer token, in
// X-Api-Key, or where DOODS clients put it.
func headerKey(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if key := r.Header.Get("X-Api-Key"); key != "" {
		return key
	}
	return r.Header.Get("Doods-Auth-Key")
}

// authorize refuses requests without an accepted key, if keys are set.
func (s *Server) authorize(r *http.Request) error {
	if len(s.keys) == 0 || s.keys.accepts(headerKey(r)) {
		return nil
	}
	return failf(kindUnauthorized, "no API key, or a wrong one")
}
