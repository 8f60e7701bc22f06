package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tollgate/policy/token"
)

var certA, certB = token.DigestOf([]byte("a")), token.DigestOf([]byte("b"))

func hexOf(d token.Digest) string { return fmt.Sprintf("%x", d[:]) }

// showing is a request with a client certificate.
func showing(r *Rules, d token.Digest) *Case {
	c := payment(r)
	c.Source.ClientCert = d
	return c
}

// A stolen key is worth nothing without the certificate that its token is bound
// to: none, another one and one that nobody vouched for are refused.
func TestRow8ClientCertificateMustBeOneOfTheTokens(t *testing.T) {
	f := func(certs []string, shown token.Digest, want token.Reason) {
		t.Helper()
		expect(t, showing(compiled(t, token.Bounds{ClientCerts: certs}), shown), want)
	}
	f(nil, token.Digest{}, token.Allowed)
	f(nil, certA, token.Allowed)
	f([]string{hexOf(certA)}, certA, token.Allowed)
	f([]string{hexOf(certA)}, certB, token.ClientCertNotAllowed)
	f([]string{hexOf(certA)}, token.Digest{}, token.ClientCertNotAllowed)
	f([]string{hexOf(certB), hexOf(certA)}, certA, token.Allowed)
	f([]string{hexOf(certB), hexOf(certA)}, certB, token.Allowed)

	emptied := compiled(t, token.Bounds{Restricts: token.Restricts{ClientCert: true}})
	expect(t, showing(emptied, certA), token.ClientCertNotAllowed)
	expect(t, showing(emptied, token.Digest{}), token.ClientCertNotAllowed)
}

// A child may only be used with a certificate that its parent may be used with.
func TestRow8ClientCertificateOfTheParentHoldsForItsChild(t *testing.T) {
	free, a, b := compiled(t, token.Bounds{}), compiled(t, token.Bounds{ClientCerts: []string{hexOf(certA)}}), compiled(t, token.Bounds{ClientCerts: []string{hexOf(certB)}})
	f := func(own, parent *Rules, shown token.Digest, want token.Reason) {
		t.Helper()
		c := child(own, parent)
		c.Source.ClientCert = shown
		expect(t, c, want)
	}
	f(free, a, certA, token.Allowed)
	f(free, a, certB, token.ClientCertNotAllowed)
	f(free, a, token.Digest{}, token.ClientCertNotAllowed)
	f(a, free, certA, token.Allowed)
	f(a, free, certB, token.ClientCertNotAllowed)
	f(a, b, certA, token.ClientCertNotAllowed)
	f(a, b, certB, token.ClientCertNotAllowed)
}

// The address is judged before the certificate, monitor mode covers neither,
// and a phase that judges row 8 alone judges both.
func TestRow8AddressBeforeCertificate(t *testing.T) {
	r := compiled(t, token.Bounds{IPRanges: []string{"192.0.2.0/24"}, ClientCerts: []string{hexOf(certA)}})
	c := from(r, "203.0.113.1")
	c.Route.Mode, c.Principal.Live.Mode = token.Monitor, token.Monitor
	for _, step := range []struct {
		addr  string
		shown token.Digest
		want  token.Reason
	}{{"203.0.113.1", certB, token.IPNotAllowed}, {"203.0.113.1", certA, token.IPNotAllowed},
		{"192.0.2.1", certB, token.ClientCertNotAllowed}, {"192.0.2.1", certA, token.Allowed}} {
		c.Source = from(r, step.addr).Source
		c.Source.ClientCert = step.shown
		for name, judged := range map[string]token.Reason{"Decide": Decide(c, nil).Reason, "Address": Address(c, nil).Reason, "JudgeSource": JudgeSource(c.Principal.Live, c.Source)} {
			if judged != step.want {
				t.Errorf("%s with %s: %v, want %v", step.addr, name, judged, step.want)
			}
		}
	}
	c.Principal.Live.Rules = nil
	if got := JudgeSource(c.Principal.Live, c.Source); got != token.CannotDecide {
		t.Errorf("a token without rules is judged %v", got)
	}
}

// Whatever certificates a token and its parent are bound to, exactly those that
// are in every list that asks pass, and judging allocates nothing.
func TestRow8ClientCertificatesAsAModel(t *testing.T) {
	var universe []token.Digest
	for i := range 12 {
		universe = append(universe, token.DigestOf([]byte{byte(i)}))
	}
	catalogue := testCatalogue(t)
	rapid.Check(t, func(r *rapid.T) {
		live, allowed := (*token.Live)(nil), true
		shown := rapid.SampledFrom(append([]token.Digest{{}}, universe...)).Draw(r, "shown")
		for range rapid.IntRange(1, 3).Draw(r, "generations") {
			list := rapid.SliceOfNDistinct(rapid.SampledFrom(universe), 0, 10, rapid.ID[token.Digest]).Draw(r, "list")
			b := token.Bounds{Restricts: token.Restricts{ClientCert: rapid.Bool().Draw(r, "flag")}}
			for _, d := range list {
				b.ClientCerts = append(b.ClientCerts, hexOf(d))
			}
			rules, err := Compile(catalogue, b, nil, nil)
			if err != nil {
				r.Fatal(err)
			}
			live = &token.Live{Parent: live, Rules: rules}
			if len(list) > 0 || b.Restricts.ClientCert {
				allowed = allowed && slices.Contains(list, shown)
			}
		}
		c := Case{Principal: &token.Principal{Live: live}, Route: &RouteRule{}, Source: token.Source{ClientCert: shown}}
		if v := Address(&c, nil); v.Allowed != allowed {
			r.Fatalf("%v, the model says %v", v.Reason, allowed)
		}
		if n := testing.AllocsPerRun(3, func() { Address(&c, nil) }); n != 0 && !racing {
			r.Fatalf("%v allocations", n)
		}
	})
}

func TestParseClientCert(t *testing.T) {
	plain := hexOf(certA)
	var pairs []string
	for i := 0; i < len(plain); i += 2 {
		pairs = append(pairs, plain[i:i+2])
	}
	colons := strings.ToUpper(strings.Join(pairs, ":"))
	for _, text := range []string{plain, strings.ToUpper(plain), colons, "SHA256 Fingerprint=" + colons, "sha256 Fingerprint=" + colons, "SHA256 FINGERPRINT = " + plain} {
		if got, err := ParseClientCert(text); err != nil || got != plain {
			t.Errorf("ParseClientCert(%q) = %q, %v", text, got, err)
		}
	}
	sha1 := "SHA1 Fingerprint=" + strings.Join(pairs[:20], ":")
	for text, hint := range map[string]string{
		"": "64 hexadecimal", "abc": "64 hexadecimal", plain[:62]: "64 hexadecimal", plain + "00": "64 hexadecimal", plain[:63] + "g": "64 hexadecimal",
		plain[:40]: "SHA-1", strings.Join(pairs[:20], ":"): "SHA-1", sha1: "SHA-256",
		strings.Repeat("0", 64): "zeros", plain[:2] + ":" + plain[2:]: "colon", ":" + plain: "colon", plain + ":": "colon",
		strings.Repeat("a", 200): "longer", "é" + plain[2:]: "64 hexadecimal", " " + plain: "64 hexadecimal",
	} {
		if got, err := ParseClientCert(text); err == nil || got != "" || !strings.Contains(err.Error(), hint) {
			t.Errorf("ParseClientCert(%q) = %q, %v; want an error with %q", text, got, err, hint)
		}
	}
}

// Reading a fingerprint twice changes nothing, whatever it was.
func FuzzParseClientCert(f *testing.F) {
	for _, seed := range []string{"", hexOf(certA), "SHA256 Fingerprint=" + strings.Repeat("AB:", 31) + "AB", "a=b=c", ":"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, err := ParseClientCert(text)
		if err != nil {
			return
		}
		value := strings.TrimSpace(text[strings.Index(text, "=")+1:])
		if len(once) != 64 || once != strings.ToLower(once) || !strings.EqualFold(once, strings.ReplaceAll(value, ":", "")) {
			t.Fatalf("%q reads as %q", text, once)
		}
		if again, err := ParseClientCert(once); err != nil || again != once {
			t.Fatalf("%q reads as %q, %v", once, again, err)
		}
	})
}

func TestNormaliseClientCerts(t *testing.T) {
	b := token.Bounds{ClientCerts: []string{strings.ToUpper(hexOf(certB)), hexOf(certA), hexOf(certB)}}
	if _, wrong := Normalise(testCatalogue(t), &b); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	want := []string{hexOf(certA), hexOf(certB)}
	slices.Sort(want)
	if !slices.Equal(b.ClientCerts, want) || !b.Restricts.ClientCert {
		t.Errorf("got %v, restricts %v", b.ClientCerts, b.Restricts)
	}
	b = token.Bounds{ClientCerts: []string{hexOf(certA), "x"}}
	if _, wrong := Normalise(testCatalogue(t), &b); len(wrong) != 1 || wrong[0].Field != "client_cert_sha256[1]" {
		t.Errorf("one bad entry: %v", wrong)
	}
	b = token.Bounds{ClientCerts: slices.Repeat([]string{hexOf(certA)}, 11)}
	if _, wrong := Normalise(testCatalogue(t), &b); len(wrong) != 1 || wrong[0].Field != "client_cert_sha256" {
		t.Errorf("eleven entries: %v", wrong)
	}
}

// Explain names the certificate that was seen by its first characters, and says
// when none was.
func TestExplainSaysWhichClientCertificateWasSeen(t *testing.T) {
	f := func(c *Case, want string) {
		t.Helper()
		_, lines := explained(c)
		if !slices.Contains(lines, want) {
			t.Errorf("the lines are\n%s\nwant among them\n%s", strings.Join(lines, "\n"), want)
		}
	}
	a := compiled(t, token.Bounds{ClientCerts: []string{hexOf(certA)}})
	f(showing(a, certA), "ok   client_cert: the client certificate ca978112… is one of the token's 1")
	f(showing(a, certB), "FAIL client_cert: the client certificate 3e23e816… is none of the token's 1")
	f(showing(a, token.Digest{}), "FAIL client_cert: no client certificate was shown that a client_ca of the listener vouches for; it must be one of the token's 1")
	heir := child(compiled(t, token.Bounds{}), a)
	heir.Source.ClientCert = certB
	f(heir, "FAIL client_cert: the client certificate 3e23e816… is none of the parent token's 1")
	if _, lines := explained(showing(compiled(t, token.Bounds{}), certA)); strings.Contains(strings.Join(lines, ""), "client_cert") {
		t.Errorf("a token that asks for no certificate is explained one: %v", lines)
	}
}
