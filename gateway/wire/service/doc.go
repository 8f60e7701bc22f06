// Package service is the dialect of seed 2 (NGnair): `token: <key>` without a
// scheme word, and three endpoints by which a token that may manage tokens
// lists, creates and deletes others of its merchant. A token made here is a
// child: it is never freer than the token that made it.
package service
