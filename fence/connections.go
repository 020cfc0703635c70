package fence

import (
	"net/http"
	"sync"

	"locum/config"
)

// connections are those to one device that speaks HTTP. An answer bears no sign of what it answers: one too many, or one that comes late, would be
// taken for that to the next question on the same connection, and "off" be said of an outlet that nobody asked for. A question therefore has a
// connection of its own, on which nothing was asked before. It is kept for the next command, whose answer proves nothing.
type connections struct {
	mu   sync.Mutex
	kept *http.Transport
}

func newConnections(f config.Fence) (*connections, error) {
	t, err := newTransport(f)
	return &connections{kept: t}, err
}

// forQuestion gives a client without a connection yet.
func (c *connections) forQuestion() *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.kept
	c.kept = before.Clone()
	before.CloseIdleConnections()
	return clientOf(c.kept)
}

// forCommand gives a client with the connection of the last question, as long as the device holds it.
func (c *connections) forCommand() *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return clientOf(c.kept)
}

func clientOf(t *http.Transport) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: sameHost}
}
