// Package configs is the room of everything an operator writes down: the typed
// configuration with its defaults, its strict loading from YAML and from the
// environment, and the data that ships with tollgate: the annotated
// tollgate.yaml, the provider presets and the catalogue of countries.
//
// It is a room of its own because a configuration error is an answer to a
// person. Every mistake of a file is reported at once, each as
//
//	file:line:column: key: what is wrong, and what would do
//
// and nothing is guessed, converted or left out in silence: a key that this
// version cannot honour is a mistake like any other. To know the place of each
// value, the YAML tree is walked here and not handed to a decoder.
//
// The package knows no HTTP, no store and no gateway: the command line carries
// what was read to the rooms that use it.
package configs
