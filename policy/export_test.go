package policy

// PhoneTable and HostileSpellings let the shipped catalogue, which imports this
// room, be held to the same tables.
func PhoneTable() []struct{ Country, Raw, Want string } {
	var table []struct{ Country, Raw, Want string }
	for _, row := range phoneTable {
		table = append(table, struct{ Country, Raw, Want string }{row.country, row.raw, row.want})
	}
	return table
}

// HostileSpellings are spellings that have to be refused.
func HostileSpellings() []string { return hostileSpellings }
