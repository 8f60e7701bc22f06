package auth

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// phc is a hash taken apart.
type phc struct {
	memory, time uint32
	lanes        uint8
	salt, key    []byte
}

var errPHC = errors.New("auth: what is kept of a password is no argon2id hash in PHC form, within bounds")

// readPHC reads a hash as Hash writes it, in one spelling and within bounds: a
// row that asks for all of memory must not get it.
func readPHC(text string) (p phc, err error) {
	part := strings.Split(text, "$")
	if len(text) > mostPHC || len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, errPHC
	}
	if !p.readCost(part[3]) {
		return phc{}, errPHC
	}
	if p.salt, err = base64.RawStdEncoding.Strict().DecodeString(part[4]); err != nil || len(p.salt) < 8 {
		return phc{}, errPHC
	}
	if p.key, err = base64.RawStdEncoding.Strict().DecodeString(part[5]); err != nil || len(p.key) < 16 || len(p.key) > 64 {
		return phc{}, errPHC
	}
	return p, nil
}

// mostPHC bounds a hash in bytes; ours have 97.
const mostPHC = 512

// readCost reads m=…,t=…,p=… in this order.
func (p *phc) readCost(text string) bool {
	list := strings.Split(text, ",")
	if len(list) != 3 {
		return false
	}
	memory, ok1 := readCount(list[0], "m=", mostArgonMemory)
	time, ok2 := readCount(list[1], "t=", mostArgonTime)
	lanes, ok3 := readCount(list[2], "p=", mostArgonLanes)
	p.memory, p.time, p.lanes = memory, time, uint8(lanes)
	return ok1 && ok2 && ok3 && memory >= 8*lanes // RFC 9106 §3.1
}

// readCount reads name and a number from 1 to most, without leading zeros.
func readCount(text, name string, most uint64) (uint32, bool) {
	digits, named := strings.CutPrefix(text, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), named && err == nil && n >= 1 && n <= most && digits[0] != '0' && digits[0] != '+'
}
