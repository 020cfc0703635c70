package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// port is the machine's virtio port for the test: a line of JSON each way.
const port = "/dev/vport*p1"

// guest does what the test asks for, one thing at a time.
type guest struct {
	reaper *reaper
	unit   *unit
	held   []*os.File
}

type question struct {
	ID   int      `json:"id"`
	Do   string   `json:"do"`
	Args []string `json:"args"`
}

type answer struct {
	ID     int    `json:"id"` // 0: nobody asked, the machine has booted
	Text   string `json:"text"`
	Failed string `json:"failed,omitempty"`
}

// talk says that the machine has booted and then answers questions for ever.
func (g *guest) talk() error {
	f, err := openPort()
	if err != nil {
		return err
	}
	out := json.NewEncoder(f)
	if err := out.Encode(answer{Text: "booted"}); err != nil {
		return err
	}
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // nobody is at the other end now
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if err != nil {
			return err
		}
		var q question
		a := answer{}
		if err := json.Unmarshal(line, &q); err != nil {
			a.Failed = err.Error()
		} else if a.ID = q.ID; true {
			if a.Text, err = g.do(q); err != nil {
				a.Failed = err.Error()
			}
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

func openPort() (*os.File, error) {
	for range 200 {
		if found, _ := filepath.Glob(port); len(found) > 0 {
			return os.OpenFile(found[0], os.O_RDWR, 0)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, errors.New("no port for the test: " + port)
}

func (g *guest) do(q question) (string, error) {
	switch q.Do {
	case "run":
		return g.run(q.Args)
	case "start": // a program: its process number
		return g.start(q.Args)
	case "begin":
		g.unit.begin()
		return "", nil
	case "leave-dead":
		g.unit.leaveDead()
		return "", nil
	case "unit":
		pid, starts, store := g.unit.state()
		return fmt.Sprintf("%d %d %s", pid, starts, strings.Join(store, ",")), nil
	case "signal": // process number, signal number
		pid, err1 := strconv.Atoi(q.Args[0])
		sig, err2 := strconv.Atoi(q.Args[1])
		if err := errors.Join(err1, err2); err != nil {
			return "", err
		}
		return "", unix.Kill(pid, unix.Signal(sig))
	case "pause": // process number, milliseconds: SIGSTOP, and SIGCONT after that time
		return "", pause(q.Args[0], q.Args[1])
	case "read":
		text, err := os.ReadFile(q.Args[0])
		return string(text), err
	case "hold": // open a file and keep it so
		f, err := os.OpenFile(q.Args[0], os.O_WRONLY, 0)
		g.held = append(g.held, f)
		return "", err
	case "serial-write": // port, text
		return "", onSerial(q.Args[0], func(f *os.File) error { _, err := f.WriteString(q.Args[1]); return err })
	case "serial-read": // port: what has come
		return readSerial(q.Args[0])
	case "mount": // source, place, type, options
		return "", errors.Join(os.MkdirAll(q.Args[1], 0o755), unix.Mount(q.Args[0], q.Args[1], q.Args[2], 0, q.Args[3]))
	case "children":
		return children(q.Args[0])
	}
	return "", errors.New("there is no such thing to do: " + q.Do)
}

// children gives the numbers of the processes that any thread of a process has started.
func children(process string) (list string, err error) {
	files, err := filepath.Glob("/proc/" + process + "/task/*/children")
	for _, f := range files {
		text, _ := os.ReadFile(f) // the thread may have ended
		list += string(text)
	}
	return list, err
}

// pause stops a process for a while, measured here: the way to the test is too slow for it.
func pause(process, millis string) error {
	pid, err1 := strconv.Atoi(process)
	ms, err2 := strconv.Atoi(millis)
	if err := errors.Join(err1, err2, unix.Kill(pid, unix.SIGSTOP)); err != nil {
		return err
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return unix.Kill(pid, unix.SIGCONT)
}

// start starts a program and leaves it to itself.
func (g *guest) start(args []string) (string, error) {
	nothing, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer nothing.Close()
	pid, _, err := g.reaper.start(args, []string{"PATH=/bin"}, []*os.File{nothing, nothing, nothing})
	return strconv.Itoa(pid), err
}

// run runs a program to its end and gives what it said.
func (g *guest) run(args []string) (string, error) {
	out, err := os.CreateTemp("/tmp", "run")
	if err != nil {
		return "", err
	}
	defer out.Close()
	defer os.Remove(out.Name())
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return "", err
	}
	defer nothing.Close()
	_, end, err := g.reaper.start(args, []string{"PATH=/"}, []*os.File{nothing, out, out})
	if err != nil {
		return "", err
	}
	status := <-end
	text, err := os.ReadFile(out.Name())
	if status.ExitStatus() != 0 {
		err = errors.Join(err, fmt.Errorf("%s: exit %d", args[0], status.ExitStatus()))
	}
	return string(text), err
}
