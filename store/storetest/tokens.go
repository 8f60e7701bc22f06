package storetest

import (
	"github.com/google/go-cmp/cmp"

	"tollgate/policy/token"
)

var tokenTests = []test{
	{"EveryFieldComesBackAsItWasWritten", everyFieldComesBack},
}

func everyFieldComesBack(h *house) {
	t := h.draft(h.addMerchant())
	t.Name, t.Description = "Caisse «été»", "one\ntwo"
	t.Mode, t.Enhanced = token.Monitor, true
	t.ExpiresAt = h.clock.instant().Add(1e9)
	t.Webhook = token.Webhook{URL: "https://example.com/h?x=1", Format: "multiple"}
	t.Bounds = token.Bounds{
		IPRanges: []string{"192.0.2.0/24", "2001:db8::/32"}, Methods: []string{"GET", "POST"},
		Permissions: []string{"payments:write"}, Composition: wide(), Rate: "100/s burst 200",
	}
	t.Credentials = []token.Credential{h.key(), h.client(),
		{Kind: token.KindSigning, Digest: h.digest(), Hint: "wxyz", Sealed: []byte{0, 1, 2, 255}}}
	numbers := []token.Number{{Country: "CI", E164: "+2250707070707", Enabled: true}, {Country: "ML", E164: "+22370000000"}}
	added, err := h.AddToken(ctx, act(""), t, numbers)
	h.ok(err)

	found := h.find(t.Handle)
	if diff := cmp.Diff(added, found, cmpCredentials); diff != "" {
		h.t.Errorf("what AddToken answered and what is found differ (-added +found):\n%s", diff)
	}
	t.ClientID, t.CreatedAt, t.UpdatedAt, t.Version, t.Numbers = found.ClientID, found.CreatedAt, found.UpdatedAt, 1, 2
	t.Bounds.Restricts = token.Restricts{Composition: true, Phones: true, IP: true, Methods: true}
	for i := range t.Credentials {
		t.Credentials[i].Generation, t.Credentials[i].CreatedAt = 1, found.CreatedAt
	}
	if diff := cmp.Diff(t, found, cmpCredentials); diff != "" {
		h.t.Errorf("what was asked for and what is found differ (-asked +found):\n%s", diff)
	}
	if len(found.ClientID) != 32 || found.CreatedAt == 0 {
		h.t.Errorf("client id %q, created at %d", found.ClientID, found.CreatedAt)
	}
}
