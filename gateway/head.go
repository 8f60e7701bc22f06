package gateway

// head is what the scan of a header block found. Slices alias the block.
type head struct {
	bodyLength      int    // Content-Length; 0: none announced
	chunked         bool   // Transfer-Encoding: chunked
	expects         bool   // Expect: 100-continue
	clientRequestID []byte // X-Request-Id as sent, when it may be passed on: 1 to 64 token characters
	forwarded       []byte // the one configured forwarding header; nil when it is absent
}

// cutLine takes the first line off a header block that was scanned: name, value
// without the spaces around it, and the rest. A nil name is the end.
func cutLine(block []byte) (name, value, rest []byte) {
	end := 0
	for end+1 < len(block) && (block[end] != '\r' || block[end+1] != '\n') {
		end++
	}
	if end == 0 || end+1 >= len(block) {
		return nil, nil, nil
	}
	line := block[:end]
	colon := 0
	for colon < len(line) && line[colon] != ':' {
		colon++
	}
	value = line[min(colon+1, len(line)):]
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for len(value) > 0 && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	return line[:colon], value, block[end+2:]
}
