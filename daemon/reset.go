package daemon

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// initialPIDs is the inode of the first PID namespace: the kernel's PROC_PID_INIT_INO.
const initialPIDs = 0xEFFFFFFC

// resetMachine resets this machine at once. The kernel's emergency restart asks no driver and waits for nothing; it is not
// for a container, which has no machine of its own, and which reboot(2) ends. Why it is reset stands in the kernel's log before, from where
// it reaches a console, or memory that outlives the reset, if the machine has such: nothing else has the time to be written.
func resetMachine(why string) error {
	var is unix.Stat_t
	err := unix.Stat("/proc/self/ns/pid", &is)
	if err == nil && is.Ino == initialPIDs {
		_ = os.WriteFile("/dev/kmsg", []byte("<1>locum: this machine is reset: "+why), 0)
		err = os.WriteFile("/proc/sysrq-trigger", []byte("b"), 0)
	}
	return errors.Join(err, unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART))
}
