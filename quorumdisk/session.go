package quorumdisk

import (
	"context"
	"fmt"
	"time"
)

// Session is a disk for a command: each call waits for its answer, and gives up at its deadline.
type Session struct {
	path string
	port *Port
	op   uint64
}

// OpenSession opens a disk for a command.
func OpenSession(ctx context.Context, path string, look bool, timeout time.Duration) (*Session, error) {
	p, err := OpenPort(PortOptions{Path: path, Look: look, Timeout: timeout})
	if err != nil {
		return nil, err
	}
	s := &Session{path: path, port: p}
	if _, err := s.wait(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close gives the disk up, without waiting for it.
func (s *Session) Close() { s.port.Close() }

// Do has one operation done. After an error that says "in time" the disk takes no other.
func (s *Session) Do(ctx context.Context, r Request) ([]byte, error) {
	s.op++
	r.Op = s.op
	if err := s.port.Begin(r); err != nil {
		return nil, err
	}
	return s.wait(ctx)
}

func (s *Session) wait(ctx context.Context) ([]byte, error) {
	select {
	case r := <-s.port.Replies():
		return r.Data, r.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("disk %s: %w", s.path, ctx.Err())
	}
}

// Header reads what the disk is.
func (s *Session) Header(ctx context.Context, seals Seals) (Header, error) {
	data, err := s.Do(ctx, ReadHeader(0))
	if err != nil {
		return Header{}, err
	}
	h, err := seals.OpenHeader(data)
	if err != nil {
		return h, fmt.Errorf("disk %s: its header is %w", s.path, err)
	}
	return h, nil
}
