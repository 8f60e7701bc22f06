// Package listen is what stands at the sockets before HTTP begins: the
// certificates that listeners show and how they are renewed, the PROXY header
// that balancers write in front, the sockets that systemd hands over and what it
// is told.
//
// It is a room of its own because it speaks to operators' files, balancers and
// service managers, never to a request: the gateway takes a *tls.Config and a
// function from it and knows nothing of either, and the admin side takes the
// same.
package listen
