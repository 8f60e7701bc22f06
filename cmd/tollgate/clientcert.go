package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
)

// maxCertFile bounds a certificate file: a chain of a dozen fits.
const maxCertFile = 1 << 20

// clientCertDigests is clientCertDigest of each file.
func clientCertDigests(files []string) (digests []string, err error) {
	for _, file := range files {
		digest, err := clientCertDigest(file)
		if err != nil {
			return nil, err
		}
		digests = append(digests, digest)
	}
	return digests, nil
}

// clientCertDigest is the SHA-256 of the first certificate in a PEM file, which
// is the client's own where a chain follows it.
func clientCertDigest(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxCertFile {
		return "", fmt.Errorf("%s is too large for a certificate", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return "", fmt.Errorf("%s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", path)
		}
		if block.Type == "CERTIFICATE" {
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				return "", fmt.Errorf("%s: %w", path, err)
			}
			digest := sha256.Sum256(block.Bytes)
			return hex.EncodeToString(digest[:]), nil
		}
	}
}
