// Package sqlite opens a store in one SQLite file.
//
// It is a room of its own because everything that must be right about SQLite is
// decided when a file is opened: who may read it, what a commit promises, and
// how many write at once. Nothing of it shows in the statements.
package sqlite
