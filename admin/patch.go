package admin

// patch gives the record as it is after a merge patch: before, written as JSON,
// merged with the members that were sent, and read into after.
func patch[T any](before T, sent *submitted, after *T, f *faults) {
	var document any
	if err := convert(before, &document); err != nil {
		panic("BUG: admin: a record is no JSON: " + err.Error())
	}
	if err := convert(merge(document, sent.members), after); err != nil {
		f.add("", "the change cannot be read: its values do not fit together")
	}
}
