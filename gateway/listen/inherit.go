package listen

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

// firstInherited is the descriptor of the first socket that a service manager
// hands over (sd_listen_fds(3)).
const firstInherited = 3

// Inherited takes over the sockets that systemd opened for this process, by
// name, as environ tells of them (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES). Where
// no socket has one of the names, they count in the order they came in. There
// are none, and no error, where the variables are missing or meant for another
// process.
//
// A socket that is no TCP listener, has no place among the names or shares one is
// an error, and none is kept then. The descriptors are ours from here on: it may
// be called once.
func Inherited(environ []string, names ...string) (map[string]net.Listener, error) {
	v := variables(environ)
	if v["LISTEN_PID"] != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	count, err := strconv.Atoi(v["LISTEN_FDS"])
	if err != nil || count < 0 || count > 64 {
		return nil, fmt.Errorf("listen: LISTEN_FDS is %q, no number of sockets", v["LISTEN_FDS"])
	}
	files := make([]*os.File, count)
	for i := range files {
		files[i] = os.NewFile(uintptr(firstInherited+i), "socket "+strconv.Itoa(i+1))
	}
	defer func() {
		for _, f := range files {
			f.Close() // a listener has a descriptor of its own, which no child inherits
		}
	}()
	given := strings.Split(v["LISTEN_FDNAMES"], ":")
	if !slices.ContainsFunc(given, func(name string) bool { return slices.Contains(names, name) }) {
		given = names
	}
	found := map[string]net.Listener{}
	for i, f := range files {
		if err := takeOver(found, f, i, given, names); err != nil {
			for _, l := range found {
				l.Close()
			}
			return nil, err
		}
	}
	return found, nil
}

func takeOver(found map[string]net.Listener, f *os.File, i int, given, names []string) error {
	if i >= len(given) || !slices.Contains(names, given[i]) {
		return fmt.Errorf("listen: systemd hands over a socket too many (the %dth); name those for this service with FileDescriptorName=%s", i+1, strings.Join(names, " or "))
	}
	name := given[i]
	if found[name] != nil {
		return fmt.Errorf("listen: systemd hands over two sockets called %s; give it one, such as ListenStream=443, which takes IPv4 and IPv6", name)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return fmt.Errorf("listen: the socket called %s is no listener: %w", name, err)
	}
	if _, ok := l.(*net.TCPListener); !ok {
		l.Close()
		return fmt.Errorf("listen: the socket called %s is no TCP listener; whose address would be judged?", name)
	}
	found[name] = l
	return nil
}

// variables are the first values of what a process was told.
func variables(environ []string) map[string]string {
	m := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if _, twice := m[name]; !twice {
			m[name] = value
		}
	}
	return m
}
