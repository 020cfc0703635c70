package quorumdisk

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// drive is one disk.
type drive struct {
	set   *Drives
	index int
	path  string
	todo  chan Action
	op    uint64
	said  string
}

func (k *drive) lock() string {
	return filepath.Join(k.set.o.LockDir, "disk-"+strconv.Itoa(k.index+1)+".lock")
}

// say tells of a change, once.
func (k *drive) say(text string) {
	if text != k.said {
		k.said = text
		k.set.o.Say(k.path, text)
	}
}

// live opens the disk and does what is asked, again and again.
func (k *drive) live() {
	for {
		err := k.session()
		if errors.Is(err, errClosed) {
			return
		}
		k.say(err.Error())
		if !k.refuse(err) {
			return
		}
	}
}

// refuse answers everything with why the disk cannot be used, until it is time to try again. It is false at the end.
func (k *drive) refuse(why error) bool {
	again := time.After(k.set.o.Retry)
	for {
		select {
		case a := <-k.todo:
			k.set.answer(Ended{Disk: k.index, Op: a.Op, Failed: why})
		case <-again:
			return true
		case <-k.set.stop:
			return false
		}
	}
}

// session is one opening of the disk, to the error that ends it.
func (k *drive) session() error {
	p, err := OpenPort(PortOptions{Path: k.path, Lock: k.lock(), Timeout: k.set.o.Timeout})
	if err != nil {
		return err
	}
	defer p.Close()
	// While it opens, what is asked waits: a disk that hangs is late, not failed.
	if r := k.reply(p); r.Err != nil {
		return r.Err
	}
	h, err := k.header(p)
	if err != nil {
		return err
	}
	k.say("in use")
	for {
		select {
		case a := <-k.todo:
			e, fatal := k.do(p, h, a)
			k.set.answer(e)
			if fatal != nil {
				return fatal
			}
		case <-k.set.stop:
			return errClosed
		}
	}
}

// wayOut says what to do about a header that is lost.
func (k *drive) wayOut(err error) string {
	if !errors.Is(err, Blank) && !errors.Is(err, Foreign) && !errors.Is(err, Corrupt) {
		return ""
	}
	command := "locum disk init --force"
	if len(k.set.o.Paths) > 1 {
		command = "locum disk init --repair " + k.set.o.Paths[k.index] + " --force"
	}
	return "; if it is the right device, and nothing else uses it, make it anew: " + command
}

func (k *drive) header(p *Port) (Header, error) {
	r, err := k.ask(p, ReadHeader(0))
	if err != nil {
		return Header{}, err
	}
	if r.Err != nil {
		return Header{}, r.Err
	}
	h, err := k.set.o.Seals.OpenHeader(r.Data)
	if err != nil {
		return h, fmt.Errorf("its header is %w%s", err, k.wayOut(err))
	}
	// The last of its sectors is seldom read later: only when a tie is to be broken, which is too late to learn that it is not there.
	if r, err = k.ask(p, Request{Place: h.Nodes.Sectors() - 1, Count: 1}); err == nil {
		err = r.Err
	}
	if err != nil {
		return h, err
	}
	k.set.learn(k.index, h)
	return h, k.set.judge(k.index)
}

// ask has one operation done. The error is for a helper that is no more.
func (k *drive) ask(p *Port, r Request) (Reply, error) {
	k.op++
	r.Op = k.op
	if err := p.Begin(r); err != nil {
		return Reply{}, err
	}
	reply := k.reply(p)
	if reply.Gone {
		return reply, reply.Err
	}
	return reply, nil
}

// reply waits for what is final, and says when it is late.
func (k *drive) reply(p *Port) Reply {
	for {
		select {
		case r := <-p.Replies():
			if !r.Late {
				return r
			}
			k.say(r.Err.Error())
		case <-k.set.stop:
			return Reply{Gone: true, Err: errClosed}
		}
	}
}

// do carries one action out. The second error says that the disk has to be opened anew: it may have been unplugged, or replaced.
func (k *drive) do(p *Port, h Header, a Action) (e Ended, fatal error) {
	e = Ended{Disk: k.index, Op: a.Op, ID: h.ID, Generation: h.Generation}
	if e.Failed = k.set.judge(k.index); e.Failed != nil {
		return e, e.Failed
	}
	if a.Do == Reseal {
		return k.reseal(p, h, a)
	}
	data, err := k.asked(p, k.request(h, a))
	if err != nil {
		e.Failed = err
		return e, err
	}
	switch a.Do {
	case ReadSlots:
		e.Slots, err = k.set.o.Seals.Slots(h, data)
		fatal = err
	case ReadMail:
		e.Pills, _ = k.set.o.Seals.Mail(h, k.set.o.Self, data) // one that cannot be read orders nothing
	case ReadClaims:
		if e.Claims, err = k.set.o.Seals.Claims(h, data); errors.Is(err, ErrReplaced) {
			fatal = err
		}
	}
	e.Failed = err
	if err == nil {
		k.say("in use")
	} else {
		k.say(err.Error())
	}
	return e, fatal
}

func (k *drive) request(h Header, a Action) Request {
	a.Slot.WroteAt = uint64(time.Now().UnixMilli())
	a.Pill.WroteAt = a.Slot.WroteAt
	switch s, self := k.set.o.Seals, k.set.o.Self; a.Do {
	case WriteSlot:
		return s.WriteSlot(0, h, self, a.Slot)
	case WriteClaim:
		return s.WriteClaim(0, h, self, a.Claim)
	case ReadClaims:
		return h.ReadClaims(0)
	case WritePill:
		return s.WritePill(0, h, a.To, self, a.Pill)
	case ReadMail:
		return h.ReadMail(0, self)
	default:
		return h.ReadSlots(0, k.set.o.Highest)
	}
}
