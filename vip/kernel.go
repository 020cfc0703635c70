package vip

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// answerWithin bounds the wait for the kernel's answer. The kernel answers within the call; only a lost answer takes
// longer.
var answerWithin = unix.Timeval{Sec: 10}

// byteOrder is the machine's. The library finds it out at first use without a lock, so that use is here, before there
// are goroutines.
var byteOrder = nl.NativeEndian()

// kernel is one open rtnetlink socket (rtnetlink(7)).
type kernel struct {
	socket *nl.SocketHandle
}

func openKernel() (*kernel, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	s.SetSendTimeout(&answerWithin)
	s.SetReceiveTimeout(&answerWithin)
	s.SetExtAck(true) // an old kernel refuses, and then says less in its errors
	return &kernel{socket: &nl.SocketHandle{Socket: s}}, nil
}

func (k *kernel) close() { k.socket.Close() }

// ask sends one request and gives the bodies of the answers of kind answer. No answer in time is a deadline exceeded:
// what the kernel did is not known then.
func (k *kernel) ask(kind, flags int, answer uint16, parts ...nl.NetlinkRequestData) ([][]byte, error) {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: k.socket}
	for _, p := range parts {
		req.AddData(p)
	}
	bodies, err := req.Execute(unix.NETLINK_ROUTE, answer)
	if errors.Is(err, unix.EAGAIN) {
		return nil, fmt.Errorf("no answer from the kernel in %d s: %w", answerWithin.Sec, context.DeadlineExceeded)
	}
	return bodies, err
}

// dumpTries is how often a list is asked for that changed while it was being read.
const dumpTries = 8

// dump gives a whole list. One that changed while it was read may lack an entry that was there all the time, so it is
// read again.
func (k *kernel) dump(kind int, answer uint16, parts ...nl.NetlinkRequestData) (bodies [][]byte, err error) {
	for range dumpTries {
		bodies, err = k.ask(kind, unix.NLM_F_DUMP, answer, parts...)
		if !errors.Is(err, nl.ErrDumpInterrupted) {
			return bodies, err
		}
	}
	return nil, fmt.Errorf("the list changed each of %d times while it was read", dumpTries)
}

// errAttribute is a message whose attributes do not fit into it.
var errAttribute = errors.New("attribute longer than the message")

const (
	attrHeader = 4 // struct rtattr: length and type, 16 bits each (rtnetlink(7))
	attrKind   = 0x3fff
)

// attributes gives what follows a message's header to each, one attribute at a time. The last need not be padded.
func attributes(rest []byte, each func(kind uint16, value []byte)) error {
	for len(rest) >= attrHeader {
		size := int(byteOrder.Uint16(rest))
		if size < attrHeader || size > len(rest) {
			return errAttribute
		}
		each(byteOrder.Uint16(rest[2:])&attrKind, rest[attrHeader:size])
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	return nil
}

// raw is a request's body in the form in which the kernel gave it.
type raw []byte

func (r raw) Len() int          { return len(r) }
func (r raw) Serialize() []byte { return r }

// feed tells that links or addresses have changed. It carries no news but that there are some: whoever hears it looks
// for himself, so that a lost or doubled message does no harm.
type feed struct {
	changes chan struct{} // closed when the feed has ended
	err     error         // why, once changes is closed
	socket  *nl.NetlinkSocket
	closing atomic.Bool
}

// openFeed opens a feed of those messages that matters says yes to; kind is RTM_NEWADDR and the like.
func openFeed(matters func(kind uint16, body []byte) bool) (*feed, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return nil, fmt.Errorf("subscribe to rtnetlink: %w", err)
	}
	f := &feed{changes: make(chan struct{}, 1), socket: s}
	go f.run(matters)
	return f, nil
}

func (f *feed) close() {
	if !f.closing.Swap(true) {
		f.socket.Close()
	}
}

func (f *feed) run(matters func(kind uint16, body []byte) bool) {
	defer close(f.changes)
	for {
		messages, from, err := f.socket.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS): // messages were lost, so anything may have changed
			f.ring()
			continue
		case err != nil:
			f.err = fmt.Errorf("read rtnetlink: %w", err)
			return
		case from.Pid != nl.PidKernel:
			continue
		}
		for _, m := range messages {
			if matters(m.Header.Type, m.Data) {
				f.ring()
			}
		}
	}
}

// ring leaves one mark however often it is called before somebody looks.
func (f *feed) ring() {
	select {
	case f.changes <- struct{}{}:
	default:
	}
}
