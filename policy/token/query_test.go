package token

import "testing"

// Whatever some reader of queries takes for the parameter "signature" is told
// to be one: undone escapes, any case, PHP's spaces and members, C's ends.
func TestNamesSignature(t *testing.T) {
	for _, name := range []string{
		"signature", "Signature", "SIGNATUR%45", "%73ignature", "sign%61ture", "%53IGNATURE", "signature[]", "signature%5B0%5D", "signature.data",
		"+signature", "%20signature", "signature%00", "signature%00b", "signature[",
	} {
		if !NamesSignature([]byte(name)) {
			t.Errorf("%q is taken for another name", name)
		}
	}
	for _, name := range []string{"", "signatures", "signature_", "signature-x", "xsignature", "a.signature", "signatur", "signature%zz", "signature%4", "%", "sig nature", "signature%2", "s%69gnatur%65s"} {
		if NamesSignature([]byte(name)) {
			t.Errorf("%q is taken for a signature", name)
		}
	}
}
