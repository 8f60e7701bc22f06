package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"tollgate/policy/token"
)

// KeyLength is the length of the installation's webhook key in bytes.
const KeyLength = 32

// Secrets opens the live signing secrets of a token, newest first. None, with a
// nil error or token.ErrNotFound: it has none. Other errors, which hold no
// secret, say that it could not tell. The bytes belong to the caller, who clears
// them.
type Secrets func(ctx context.Context, h token.Handle) ([][]byte, error)

// MerchantSecret is what signs the events of a merchant's tokens that have no
// signing secret of their own: "whk_" and 64 hexadecimal digits. It is derived
// from the installation's webhook key, of KeyLength bytes, and can be derived
// again at any time. It changes with the master key and with nothing else.
func MerchantSecret(key []byte, merchant string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("tollgate merchant webhook\x00" + merchant))
	return "whk_" + hex.EncodeToString(mac.Sum(nil))
}

// Sign is the value of X-Tollgate-Webhook-Signature for a body at a time: a v1
// for each secret, in their order.
func Sign(secrets [][]byte, at time.Time, body []byte) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	var out strings.Builder
	out.WriteString("t=" + stamp)
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(stamp + "."))
		mac.Write(body)
		out.WriteString(",v1=" + hex.EncodeToString(mac.Sum(nil)))
	}
	return out.String()
}

// signature signs a body for an event and says whose secret did.
func (s *Sender) signature(ctx context.Context, h *token.Hook, body []byte) (signed, whose string, err error) {
	var secrets [][]byte
	if s.opt.Secrets != nil {
		secrets, err = s.opt.Secrets(ctx, h.Token)
		if err != nil && !errors.Is(err, token.ErrNotFound) {
			s.opt.Logger.Error("webhooks: a signing secret could not be read", zap.String("token", string(h.Token)), zap.Error(err))
			return "", "", failUnsigned
		}
	}
	whose = string(h.Token)
	if len(secrets) == 0 {
		secrets, whose = [][]byte{[]byte(MerchantSecret(s.opt.Key, h.Merchant))}, h.Merchant
	}
	signed = Sign(secrets, s.opt.Now(), body)
	for _, secret := range secrets {
		clear(secret)
	}
	return signed, whose, nil
}
