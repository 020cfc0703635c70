package daemon

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"locum/heartbeat"
	"locum/wire"
)

// storedName is the watchdog's name in systemd's file-descriptor store.
const storedName = "watchdog"

// firstPassed is the first descriptor that systemd passes on: sd_listen_fds(3).
const firstPassed = 3

// handedOn names the descriptor that a heart hands to the one that it executes itself anew as.
const handedOn = "LOCUM_WATCHDOG_FD"

// watchdogSeat is the watchdog's place at the heart.
type watchdogSeat struct {
	device *heartbeat.Watchdog
	left   int // what the heart before has left, not touched yet; -1 nothing
}

// findLeft looks what systemd, or this process before it executed itself anew, has left. It touches no device.
func findLeft() int {
	defer func() {
		for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", handedOn} {
			os.Unsetenv(name)
		}
	}()
	if fd, err := strconv.Atoi(os.Getenv(handedOn)); err == nil {
		unix.CloseOnExec(fd)
		return fd
	}
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return -1
	}
	names, left := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":"), -1
	for i := range min(count, len(names)) {
		fd := firstPassed + i
		unix.CloseOnExec(fd)
		if names[i] == storedName && left < 0 {
			left = fd
		}
	}
	return left
}

// giveUpLeft stops what the heart before has left if the file in force names another device, or none: nobody would pet it, and it would
// reset this machine. As long as this node may not go on, that is just what it is for.
func (h *heart) giveUpLeft() {
	fd := h.dog.left
	if fd < 0 || !h.core.MayPet() || h.namesDog() && !heartbeat.OtherDevice(fd, h.cfg.Watchdog.Device) {
		return
	}
	h.dog.left = -1
	tellStore("FDSTOREREMOVE=1\nFDNAME="+storedName, nil)
	if err := heartbeat.GiveUpWatchdog(fd); err != nil {
		h.log("alarm", "the watchdog that the file names no more cannot be stopped, and may reset this machine: "+err.Error())
		return
	}
	h.log("info", "the watchdog that the file names no more is given up")
}

// namesDog reports whether the file in force names a watchdog device.
func (h *heart) namesDog() bool {
	return h.cfg.Watchdog.Device != "" && h.cfg.Watchdog.Device != wire.WatchdogReboot
}

// arm carries heartbeat.Arm out: only now is a device touched.
func (h *heart) arm() {
	h.giveUpLeft()
	s := &h.dog
	line := h.cfg.Watchdog
	var err error
	if s.left >= 0 {
		s.device, err = heartbeat.AdoptWatchdog(s.left, line.Device, line.Timeout)
		s.left = -1
	} else {
		s.device, err = heartbeat.OpenWatchdog(line.Device, line.Timeout)
	}
	if err != nil {
		h.step(heartbeat.WatchdogChanged{Why: err.Error()})
		return
	}
	s.sayNoWayOut(h.log, "to stop locum resets this machine")
	h.log("info", "the watchdog counts: "+line.Device+" ("+s.device.Identity+"), "+s.device.Timeout.String())
	if s.device.HeldBy(os.Getppid()) {
		h.judgeDog(0)
		return
	}
	s.store()
	h.judgeDog(storePatience)
}

// storePatience is how often, a tenth of a second apart, the heart looks whether its descriptor was taken into the store.
const storePatience = 30

// judgeDog says what the device in hand is worth. Read back rather than believed: the descriptor outlives this process only
// if the one that started it has it too. Until it has been looked for often enough, that is open.
func (h *heart) judgeDog(looks int) {
	d := h.dog.device
	if d == nil {
		return
	}
	stored := d.HeldBy(os.Getppid())
	if !stored && looks > 0 {
		time.AfterFunc(100*time.Millisecond, func() { h.w.post(func() { h.judgeDog(looks - 1) }) })
	}
	w := heartbeat.WatchdogChanged{Held: true, Name: "watchdog " + d.Path + " (" + d.Identity + ")", Timeout: d.Timeout, NoWayOut: d.NoWayOut}
	switch {
	case !stored && looks > 0:
	case !stored:
		w.Why = "its descriptor is in no file-descriptor store, so that the heart's death would feed it: run locum by locum.service, with systemd 219 or newer"
	case d.Software() && !h.self.LeaseProof:
		w.Why = "softdog is only a timer of the kernel, which stops when the kernel does (lease-proof=yes in the node's line counts it all the same)"
	default:
		w.Armed = true
	}
	h.step(w)
}

// store gives the descriptor to systemd: sd_pid_notify_with_fds(3).
func (s *watchdogSeat) store() {
	tellStore("FDSTORE=1\nFDNAME="+storedName, unix.UnixRights(s.device.FD()))
}

// tellStore writes to systemd's socket, without waiting for it: what it does not take is found missing.
func tellStore(text string, rights []byte) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:]
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.Sendmsg(fd, []byte(text), rights, &unix.SockaddrUnix{Name: name}, unix.MSG_NOSIGNAL)
}

// pet carries heartbeat.Pet out.
func (h *heart) pet(o heartbeat.Pet) {
	err := h.dog.device.Pet(o.Until)
	switch {
	case errors.Is(err, heartbeat.ErrPetLate):
		h.reset("the heart did not run from before the end of its lease until after it")
	case err != nil:
		h.once("alarm", "the watchdog cannot be petted, so that it resets this machine: "+err.Error())
	}
}

// sayNoWayOut says what follows from a device that cannot be stopped, if there is one.
func (s *watchdogSeat) sayNoWayOut(log logFunc, follows string) {
	if s.device != nil && s.device.NoWayOut != "" {
		log("warn", fmt.Sprintf("%s %s later, unless it is started again before that: %s", follows, s.device.Timeout, s.device.NoWayOut))
	}
}

// release stops the watchdog: only after an orderly leave, with nothing running. One that the heart before has left counts although
// this one did not come to take it up.
func (s *watchdogSeat) release() error {
	if s.device == nil && s.left < 0 {
		return nil
	}
	tellStore("FDSTOREREMOVE=1\nFDNAME="+storedName, nil)
	if s.device == nil {
		fd := s.left
		s.left = -1
		return heartbeat.GiveUpWatchdog(fd)
	}
	err := s.device.Disarm()
	s.device = nil
	return err
}

// handOn keeps the descriptor open for the process that this one becomes.
func (s *watchdogSeat) handOn() {
	fd := s.left
	if s.device != nil {
		fd = s.device.FD()
	}
	if fd < 0 {
		return
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err == nil {
		os.Setenv(handedOn, strconv.Itoa(fd))
	}
}

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
