package store

import (
	"encoding/hex"
	"fmt"
	"io"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// mintID makes prefix and twelve random base62 characters: 71 bits, which the
// primary key would refuse to hold twice.
func mintID(random io.Reader, prefix string) (string, error) {
	id := []byte(prefix)
	var b [1]byte
	for len(id) < len(prefix)+12 {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("mint an id: %w", err)
		}
		// The top of the byte's range is drawn again, or the first characters
		// of the alphabet would come more often than the others.
		if b[0] < 256/62*62 {
			id = append(id, base62[b[0]%62])
		}
	}
	return string(id), nil
}

// mintClientID makes 32 hexadecimal characters.
func mintClientID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("mint a client id: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
