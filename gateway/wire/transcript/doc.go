// Package transcript reads the files of gateway/wire/testdata: requests as a
// merchant's program sends them and the answers that it must get. The format is
// described in testdata/README.md.
//
// It is a room of its own because two tests stand on it: one beside the files,
// which holds that each can be read, and one in cmd/tollgate, which sends them
// to the real server. It sends nothing itself.
package transcript
