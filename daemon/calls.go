package daemon

import "locum/console"

// call is a request that the engine answers.
type call struct {
	id      uint64
	request console.Request
	answers chan answer // closed when no more come
}

// call sends a request to the engine. Without an engine the answers end at once.
func (c *control) call(r console.Request) *call {
	x := &call{request: r, answers: make(chan answer, callerQueue)}
	if r.Verb == "status" {
		x.answers = make(chan answer, 1)
	}
	c.h.w.post(func() {
		c.lastID++
		x.id = c.lastID
		c.calls[x.id] = x
		if !c.h.engine.send(c.h, record{Ask: &question{ID: x.id, Request: r}}) {
			c.forget(x)
		}
	})
	return x
}

// hangUp tells the engine that nobody waits any more.
func (c *control) hangUp(x *call) {
	c.h.w.post(func() {
		if c.calls[x.id] == x {
			c.forget(x)
			c.h.engine.send(c.h, record{Hangup: &hangup{ID: x.id}})
		}
	})
}

// forget ends a call's answers. It runs in the heart's loop, as all that follows.
func (c *control) forget(x *call) {
	if c.calls[x.id] == x {
		delete(c.calls, x.id)
		close(x.answers)
	}
}

// answered hands one answer of the engine to its caller.
func (c *control) answered(a answer) {
	x := c.calls[a.ID]
	if x == nil {
		return
	}
	select {
	case x.answers <- a:
		if a.Last {
			c.forget(x)
		}
	default: // it does not read
		c.forget(x)
		c.h.engine.send(c.h, record{Hangup: &hangup{ID: x.id}})
	}
}

// engineGone ends all calls: their engine will not answer them any more.
func (c *control) engineGone() {
	for _, x := range c.calls {
		c.forget(x)
	}
}
