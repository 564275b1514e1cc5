package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
)

// base64Picture is a picture as base64 text in JSON: standard or URL-safe
// alphabet, padded or not, with or without a data: URI in front.
type base64Picture []byte

// UnmarshalJSON decodes straight from the request's bytes, without a copy of
// the text between.
func (p *base64Picture) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if data[0] != '"' {
		return failf(kindBadJSON, "a picture must be base64 text")
	}
	text := data[1 : len(data)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		// Escaped, as by encoders that write / as \/.
		var unescaped string
		if err := json.Unmarshal(data, &unescaped); err != nil {
			return err
		}
		text = []byte(unescaped)
	}
	raw, err := decodeBase64(text)
	*p = raw
	return err
}

func decodeBase64(text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	lower := func(prefix string) bool {
		return len(text) >= len(prefix) && bytes.EqualFold(text[:len(prefix)], []byte(prefix))
	}
	switch {
	case lower("http:"), lower("https:"), lower("rtsp:"), lower("ftp:"), lower("file:"):
		return nil, failf(kindNotImage, "the picture is an address, for which no files or connections are opened: send the picture itself as base64")
	case lower("data:"):
		comma := bytes.IndexByte(text, ',')
		if comma < 0 || !bytes.HasSuffix(bytes.ToLower(text[:comma]), []byte(";base64")) {
			return nil, failf(kindBadJSON, "the data: URI of a picture must be base64: data:image/jpeg;base64,...")
		}
		text = text[comma+1:]
	}
	text = bytes.TrimRight(text, "= \r\n\t")
	if bytes.ContainsAny(text, " \r\n\t") {
		text = unspaced(text)
	}
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(text, "-_") {
		enc = base64.RawURLEncoding
	}
	raw := make([]byte, enc.DecodedLen(len(text)))
	n, err := enc.Decode(raw, text)
	if err != nil {
		return nil, failf(kindBadJSON, "a picture is not valid base64: %v", err)
	}
	return raw[:n], nil
}

// unspaced is base64 text without the spaces in it. They break it into lines, or
// each stands for a + that went through a form's decoding: lines have one length.
func unspaced(text []byte) []byte {
	lines := bytes.Fields(text)
	joined := bytes.Join(lines, nil)
	if bytes.ContainsAny(text, "\r\n\t") {
		return joined
	}
	for i, line := range lines {
		if len(line) != len(lines[0]) && (i < len(lines)-1 || len(line) > len(lines[0])) || len(joined)%4 == 1 {
			return bytes.ReplaceAll(text, []byte(" "), []byte("+"))
		}
	}
	return joined
}
