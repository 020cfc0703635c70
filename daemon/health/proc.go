package health

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"locum/config"
)

// pressureFiles are where the kernel tells of each pressure, in /proc.
var pressureFiles = map[config.LimitKind]string{
	config.LimitCPUPressure:    "pressure/cpu",
	config.LimitIOPressure:     "pressure/io",
	config.LimitMemoryPressure: "pressure/memory",
}

// errNoPressure is a kernel that does not account for pressure.
var errNoPressure = errors.New("this kernel tells of no pressure (it is built without CONFIG_PSI, or has to be booted with psi=1)")

// fromProc is a source that reads a file of proc, which is /proc but in tests.
func fromProc(proc, file string, parse func([]byte) (int64, error)) source {
	path := filepath.Join(proc, file)
	return func() (int64, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		value, err := parse(text)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		return value, nil
	}
}

func pressure(proc string, kind config.LimitKind) source {
	read := fromProc(proc, pressureFiles[kind], parsePressure)
	return func() (int64, error) {
		value, err := read()
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EOPNOTSUPP) {
			return 0, errNoPressure
		}
		return value, err
	}
}

// Pressure is why a limit of that kind cannot be judged on this machine; nil if it can, or is of no pressure.
func Pressure(kind config.LimitKind) error {
	if pressureFiles[kind] == "" {
		return nil
	}
	_, err := pressure("/proc", kind)()
	return err
}

// room is a source that tells how many bytes ordinary users can still write to the file system of a path (statfs(2)). It may hang where
// the file system is another machine's.
func room(path string) source {
	return func() (int64, error) {
		var st unix.Statfs_t
		if err := unix.Statfs(path, &st); err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		return int64(st.Bavail) * int64(st.Frsize), nil
	}
}
