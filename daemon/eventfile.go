package daemon

import "os"

// eventFile is the file of the history. It belongs to one goroutine.
type eventFile struct {
	path string
	log  logFunc
	file *os.File // nil while it cannot be written
	size int64
}

// write keeps a line in the file, and begins a new file when that has grown. A file that cannot be written is tried again
// with the next line; what is in the meantime stays in the log.
func (f *eventFile) write(line []byte) {
	if f.file == nil {
		f.open()
	}
	if f.file == nil {
		return
	}
	if _, err := f.file.Write(line); err != nil {
		f.file.Close()
		f.file = nil
		return
	}
	if f.size += int64(len(line)); f.size > maxHistory {
		f.file.Close()
		f.file = nil
		if err := os.Rename(f.path, f.path+".old"); err != nil {
			f.log("warn", "history: "+err.Error())
		}
	}
}

// open opens the file at its end. A line that a crash has cut is ended first.
func (f *eventFile) open() {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return
	}
	f.file, f.size = file, info.Size()
	last := []byte{'\n'}
	if _, err := file.ReadAt(last, max(f.size-1, 0)); err == nil && last[0] != '\n' {
		n, _ := file.Write([]byte{'\n'}) // a new file begins after the line to come
		f.size += int64(n)
	}
}
