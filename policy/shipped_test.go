package policy_test

import (
	"testing"

	"tollgate/configs"
	"tollgate/policy"
)

// TestTheShippedCatalogueReadsPhonesAsTheTableSays: the data that is shipped
// gives the same canonical forms as the catalogue of the tests.
func TestTheShippedCatalogueReadsPhonesAsTheTableSays(t *testing.T) {
	c, err := configs.ShippedCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range policy.PhoneTable() {
		got, _, err := c.CanonicalPhone(row.Country, row.Raw)
		if got != row.Want || (err == nil) != (row.Want != "") {
			t.Errorf("CanonicalPhone(%q, %q) = %q, %v; want %q", row.Country, row.Raw, got, err, row.Want)
		}
	}
	for _, raw := range policy.HostileSpellings() {
		if got, _, err := c.CanonicalPhone("CI", raw); err == nil {
			t.Errorf("CanonicalPhone(CI, %q) = %q; it should be refused", raw, got)
		}
	}
}
