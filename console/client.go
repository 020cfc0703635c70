package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Exit statuses of every command.
const (
	ExitDone       = 0
	ExitFailed     = 1
	ExitUsage      = 2
	ExitNotRunning = 3 // not running or not quorate
)

// maxReply bounds one reply; the largest is a status of 64 nodes.
const maxReply = 4 << 20

// Client talks to one node's control socket.
type Client struct {
	Socket string
	// Timeout bounds one request, except "events" with follow. 0 is 10 seconds.
	Timeout time.Duration
}

// Failure is an error with its exit status.
type Failure struct {
	Code  int
	Text  string
	Shown bool // the answer itself was printed and says it too
}

func failure(code int, text string) *Failure { return &Failure{Code: code, Text: text} }

// Error gives the text.
func (f *Failure) Error() string { return f.Text }

// Ask sends one request and gives its one reply.
func (c Client) Ask(ctx context.Context, r Request) (*Reply, error) {
	var got *Reply
	err := c.Each(ctx, r, func(reply *Reply) error {
		got = reply
		return io.EOF
	})
	if err == nil && got == nil {
		err = failure(ExitNotRunning, c.Socket+": locum closed the connection without an answer")
	}
	return got, err
}

// Each sends a request and hands out replies until take returns an error; io.EOF ends it well.
func (c Client) Each(ctx context.Context, r Request, take func(*Reply) error) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	r.Version = ProtocolVersion
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return c.lost(ctx, err)
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 64<<10), maxReply)
	for {
		if !r.Follow {
			if err := conn.SetReadDeadline(time.Now().Add(c.timeout())); err != nil {
				return c.lost(ctx, err)
			}
		}
		if !lines.Scan() {
			if r.Follow && ctx.Err() == nil && lines.Err() == nil {
				return failure(ExitNotRunning, c.Socket+": locum has ended")
			}
			return c.lost(ctx, lines.Err())
		}
		var reply Reply
		if err := json.Unmarshal(lines.Bytes(), &reply); err != nil {
			return failure(ExitFailed, fmt.Sprintf("%s: the answer is not readable: %v", c.Socket, err))
		}
		if reply.Error != nil {
			return failure(reply.Error.Code, reply.Error.Text)
		}
		if err := take(&reply); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (c Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 10 * time.Second
}

func (c Client) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: c.timeout()}
	conn, err := d.DialContext(ctx, "unix", c.Socket)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case isOver(ctx): // the dialer has its own clock
		return nil, context.DeadlineExceeded
	case errors.Is(err, os.ErrPermission):
		return nil, failure(ExitNotRunning, c.Socket+": permission denied; locum's commands need root")
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, failure(ExitNotRunning, c.Socket+": locum is not running here (systemctl status locum), or has another --socket")
	}
	return nil, failure(ExitNotRunning, fmt.Sprintf("%s: %v", c.Socket, err))
}

// isOver reports whether the time of a context is up, also if it does not say so yet.
func isOver(ctx context.Context) bool {
	deadline, has := ctx.Deadline()
	return has && !time.Now().Before(deadline)
}

func (c Client) lost(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return failure(ExitFailed, fmt.Sprintf("%s: unknown: no answer within %s", c.Socket, c.timeout()))
	}
	return failure(ExitFailed, fmt.Sprintf("%s: %v", c.Socket, err))
}
