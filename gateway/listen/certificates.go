package listen

import (
	"crypto/tls"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Options are what Certificates are opened with.
type Options struct {
	Use    string // where they are used, in one word: listen, admin.listen, …
	Files  Files
	Logger *zap.Logger
	Now    func() time.Time

	// Observe hears of every change of what is in force; it may be nil. It must
	// not call back.
	Observe func(Status)
}

// Certificates is one end's identity, renewed as its files are. It is safe for
// concurrent use. New handshakes use what was loaded last; connections that are
// open keep what they began with.
type Certificates struct {
	options Options
	current atomic.Pointer[Material]
	moved   chan struct{} // holds a value when other files are to be watched

	quiet, poll time.Duration // quietTime and pollTime, but in tests

	mutex  sync.Mutex
	status Status
	fault  string   // why the last reload was refused, said already; ""
	warned int      // reminders of the end of the current pair, said already
	ticket [32]byte // the key of new sessions
}

// Status is what there is to say about certificates in metrics.
type Status struct {
	Use        string
	NotAfter   time.Time // when the first certificate of the chain ends; zero: there is no chain
	CANotAfter time.Time // when the next of the CAs ends; zero: there is none
	Applied    uint64    // times that other material was put in force after the first
	Refused    uint64    // times that other material was not
	Good       bool      // the files hold what is in force
}

// Open loads certificates for the first time. An expired one is used, since
// clients may not care as much as the operator, and said loudly.
func Open(o Options) (*Certificates, error) {
	m, err := Load(o.Files, o.Now())
	if err != nil {
		return nil, err
	}
	c := &Certificates{options: o, moved: make(chan struct{}, 1), quiet: quietTime, poll: pollTime}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.adopt(m)
	return c, nil
}

// Server is the config of a listener. It never changes itself: it hands out the
// one in force for each handshake.
func (c *Certificates) Server() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load().server, nil },
	}
}

// Reload reads the files again. Material that cannot serve, or whose time it is
// not while that of the old one still is, changes nothing: it is logged and
// counted as refused.
func (c *Certificates) Reload() error { return c.reload(true) }

// reload is Reload; a fault that was said already is not said again unless loud.
func (c *Certificates) reload(loud bool) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	old, now := c.current.Load(), c.options.Now()
	m, err := Load(old.files, now)
	if err == nil && m.sum == old.sum {
		c.fault, c.status.Good = "", true
		return nil
	}
	if err == nil && old.Standing(now) == nil {
		err = m.Standing(now)
	}
	if err == nil {
		c.adopt(m)
		c.status.Applied++
		return nil
	}
	c.status.Good = false
	if loud || err.Error() != c.fault {
		c.fault = err.Error()
		c.status.Refused++
		c.log().Error("the new certificate is not used, the old one stays", zap.Error(err))
	}
	return err
}

// Put puts material in force that Load gave, from other files perhaps, which are
// watched from then on.
func (c *Certificates) Put(m *Material) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.adopt(m)
	c.status.Applied++
	select {
	case c.moved <- struct{}{}:
	default:
	}
}

// adopt is called with the mutex held.
func (c *Certificates) adopt(m *Material) {
	c.current.Store(m)
	c.fault, c.warned, c.ticket = "", 0, m.ticket
	c.status.Use, c.status.NotAfter, c.status.CANotAfter, c.status.Good = c.options.Use, m.until, m.caEnds, true
	if m.pair != nil {
		c.log().Info("a certificate is in force", zap.String("cert", m.files.Cert),
			zap.String("serial", m.pair.Leaf.SerialNumber.Text(16)), zap.Time("not_after", m.until))
	}
	if m.open {
		c.log().Warn("every user of this machine may read the private key; take the right from others (chmod 640)", zap.String("key", m.files.Key))
	}
	c.remind()
	if c.options.Observe != nil {
		c.options.Observe(c.status)
	}
}

func (c *Certificates) log() *zap.Logger {
	return c.options.Logger.With(zap.String("use", c.options.Use))
}

const day = 24 * time.Hour

// remind says that the pair ends soon: 30, 7 and 1 days before, and when it has,
// once each. One that lives less than twice as long as the warning is given
// ahead is renewed at another pace: that warning is left out.
func (c *Certificates) remind() {
	m, now := c.current.Load(), c.options.Now()
	if m.pair == nil {
		return
	}
	reminders := []time.Duration{30 * day, 7 * day, day}
	reminders = slices.DeleteFunc(reminders, func(d time.Duration) bool { return m.until.Sub(m.from) < 2*d })
	due := 0
	for _, d := range reminders {
		if now.Add(d).After(m.until) {
			due++
		}
	}
	fault := m.Standing(now)
	if fault != nil {
		due = len(reminders) + 1
	}
	if due <= c.warned {
		return
	}
	c.warned = due
	if fault != nil {
		c.log().Error("clients will refuse this certificate", zap.Error(fault))
		return
	}
	c.log().Warn("the certificate ends soon", zap.String("cert", m.files.Cert), zap.Time("not_after", m.until), zap.Duration("left", m.until.Sub(now)))
}

// turnTickets gives new sessions a new key; those of the key before can still be
// resumed, older ones cannot.
func (c *Certificates) turnTickets() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	m := c.current.Load()
	if m.server == nil {
		return
	}
	fresh := ticketKey()
	m.server.SetSessionTicketKeys([][32]byte{fresh, c.ticket})
	c.ticket = fresh
}

// Status is how the certificates stand.
func (c *Certificates) Status() Status {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.status
}
