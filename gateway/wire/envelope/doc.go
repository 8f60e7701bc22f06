// Package envelope is the dialect of seed 5 (DigitalPaye): a client trades its
// id and secret at POST /v1/auth for a JWT of ten minutes and presents it as
// `Authorization: Bearer <jwt>`. Every answer is an envelope of a status code, a
// message and, of a refusal, a reason in French; its bytes are those of the
// seed, raw UTF-8, without a final newline.
package envelope
