package storetest

import (
	"testing"
)

// Run checks every promise a store makes to one caller at a time.
func Run(t *testing.T, engine Engine) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Tokens", tokenTests},
		{"Restricts", restrictsTests},
		{"Numbers", numberTests},
		{"Credentials", credentialTests},
		{"Load", loadTests},
		{"Lists", listTests},
		{"Changes", changeTests},
		{"Audit", auditTests},
		{"Keys", keyTests},
		{"Families", familyTests},
		{"Renewals", renewalTests},
		{"Users", userTests},
		{"Outbox", outboxTests},
		{"Once", onceTests},
		{"Quotas", quotaTests},
		{"Addresses", addressTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, one := range group.tests {
				t.Run(one.name, func(t *testing.T) { one.run(newHouse(t, engine)) })
			}
		})
	}
	t.Run("Changes/FollowingTellsWithinASecond", func(t *testing.T) { testFollow(t, engine) })
}

// test is one promise, named for what it guarantees.
type test struct {
	name string
	run  func(h *house)
}
