package riffle

// Version is the release that this source is, or is on the way to. CHANGELOG.md
// begins with its section.
const Version = "0.1.0"
