package agents

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
)

const (
	logDir = "log"
	// maxLog is the size past which a log is emptied, in bytes. A file is used and no pipe: a daemon keeps what it
	// inherited, and must not feel the end of the engine that read the other side.
	maxLog  = 1 << 20
	maxTail = 4096
)

func logFile(stateDir, name string) string { return filepath.Join(stateDir, logDir, name+".log") }

// openLog opens the file that takes a command's output, and says where it ends now.
func openLog(stateDir, name string) (*os.File, int64, error) {
	dir := filepath.Join(stateDir, logDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, err
	}
	f, err := os.OpenFile(logFile(stateDir, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	trimLog(f)
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, end, nil
}

// trimLog empties a log that has become too long; it is a help to people, so that an error changes nothing.
func trimLog(f *os.File) {
	if fi, err := f.Stat(); err == nil && fi.Size() > maxLog {
		_ = f.Truncate(0)
	}
}

// lastLine gives the last line of a log that was written since it ended at from, fit for a message.
func lastLine(f *os.File, from int64) string {
	fi, err := f.Stat()
	if err != nil {
		return ""
	}
	from = max(from, fi.Size()-maxTail)
	if from > fi.Size() {
		from = max(0, fi.Size()-maxTail) // it was emptied meanwhile
	}
	tail := make([]byte, fi.Size()-from)
	n, err := f.ReadAt(tail, from)
	if err != nil && err != io.EOF {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(tail[:n]), []byte("\n"))
	return printable(string(lines[len(lines)-1]))
}
