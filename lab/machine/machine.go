package machine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// BootPatience is how long a machine may take until its first process answers; it takes about 4 s on an idle core.
const BootPatience = 60 * time.Second

// Machine is one virtual machine. It is made by Image.Boot.
type Machine struct {
	Name   string
	Number int
	dir    string
	shared string // the file that it shares as a disk, "" none
	cmd    *exec.Cmd
	ended  chan struct{}
	talk   *talk
	Events *Events
}

// NIC is one network interface of a machine: the n-th one is ethN, with these addresses.
type NIC struct {
	Cable     *Cable
	Addresses []string
}

// Boot starts a machine in a directory of its own below dir and waits until its first process answers. serial, if not nil,
// is what its second port, /dev/ttyS1, is plugged into.
func (img *Image) Boot(dir, name string, number int, nics []NIC, serial *NullModem, files []File) (*Machine, error) {
	m := &Machine{Name: name, Number: number, dir: filepath.Join(dir, name), ended: make(chan struct{})}
	if err := m.prepare(img, nics, files); err != nil {
		return nil, fmt.Errorf("machine %s: %w", name, err)
	}
	args, err := m.arguments(img, nics, serial)
	if err != nil {
		return nil, err
	}
	said, err := os.Create(m.path("qemu"))
	if err != nil {
		return nil, err
	}
	defer said.Close()
	m.cmd = exec.Command("qemu-system-x86_64", args...)
	m.cmd.Stdout, m.cmd.Stderr = said, said
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = m.cmd.Wait(); close(m.ended) }()
	if err := m.connect(serial); err != nil {
		return nil, errors.Join(fmt.Errorf("machine %s: %w: %s", name, err, m.Console()), m.Close())
	}
	return m, nil
}

func (m *Machine) path(file string) string { return filepath.Join(m.dir, file) }

// prepare writes the machine's image and its disk.
func (m *Machine) prepare(img *Image, nics []NIC, files []File) error {
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return err
	}
	var addresses strings.Builder
	for i, n := range nics {
		for _, a := range n.Addresses {
			fmt.Fprintf(&addresses, "eth%d %s\n", i, a)
		}
	}
	all := slices.Concat(img.files, files, []File{{"etc/addresses", 0o644, []byte(addresses.String())}})
	if err := os.WriteFile(m.path("initrd"), archive(all), 0o644); err != nil {
		return err
	}
	disk, err := os.ReadFile(filepath.Join(img.dir, "state.ext4"))
	if err != nil {
		return err
	}
	return os.WriteFile(m.path("disk"), disk, 0o644)
}

// arguments are QEMU's: see its manual page. Sockets are named relative to its directory, because their names are short. The kernel's
// check of its timer counts ticks against the processor's time, which a busy host takes away: no_timer_check.
func (m *Machine) arguments(img *Image, nics []NIC, serial *NullModem) ([]string, error) {
	socket := func(id, file string) string { return "socket,id=" + id + ",server=on,wait=off,path=" + m.path(file) }
	a := []string{"-nodefaults", "-no-user-config", "-machine", "pc,accel=tcg", "-m", "160", "-smp", "1", "-display", "none",
		"-kernel", filepath.Join(img.dir, "vmlinuz"), "-initrd", m.path("initrd"),
		"-append", img.parameters + "console=ttyS0 quiet panic=-1 no_timer_check hostname=" + m.Name + " net.ifnames=0",
		"-serial", "file:" + m.path("console"),
		"-qmp", "unix:" + m.path("monitor") + ",server=on,wait=off",
		"-device", "virtio-serial-pci", "-chardev", socket("talk", "talk"), "-device", "virtserialport,chardev=talk,name=talk",
		"-drive", "file=" + m.path("disk") + ",if=virtio,format=raw,cache=unsafe,id=disk",
		"-device", "i6300esb", "-action", "watchdog=reset"}
	if serial != nil {
		a = append(a, "-chardev", socket("cable", "cable"), "-serial", "chardev:cable")
	}
	if img.shared != "" { // in the last slot, so that it is found after the machine's own disk
		m.shared = img.shared
		a = append(a, "-drive", "file="+img.shared+",if=none,format=raw,cache=none,file.locking=off,id=shared",
			"-device", "virtio-blk-pci,id=plug,drive=shared,share-rw=on,addr=0x1e")
	}
	for i, n := range nics {
		id := "n" + strconv.Itoa(i)
		ours, theirs, err := n.Cable.plug(m.path(id))
		if err != nil {
			return nil, err
		}
		a = append(a, "-netdev", "dgram,id="+id+",local.type=unix,local.path="+theirs+",remote.type=unix,remote.path="+ours,
			"-device", fmt.Sprintf("virtio-net-pci,netdev=%s,mac=%s,romfile=", id, MAC(m.Number, i)))
	}
	return a, nil
}

// MAC is the address of a machine's n-th interface.
func MAC(number, nic int) string { return fmt.Sprintf("52:54:00:00:%02x:%02x", number, nic) }

// connect opens the sockets that QEMU made and waits for the machine's first word.
func (m *Machine) connect(serial *NullModem) (err error) {
	if m.Events, err = watch(m); err != nil {
		return err
	}
	if serial != nil {
		c, err := m.dial("cable")
		if err != nil {
			return err
		}
		serial.plug(c)
	}
	c, err := m.dial("talk")
	if err != nil {
		return err
	}
	m.talk = newTalk(c)
	return m.AwaitBoots(1)
}

// AwaitBoots waits until the machine has booted so often since it was made.
func (m *Machine) AwaitBoots(count int) error {
	select {
	case <-m.talk.booted(count):
		return nil
	case <-m.ended:
		return errors.New("QEMU has ended")
	case <-time.After(BootPatience):
		return fmt.Errorf("it has not booted in %s", BootPatience)
	}
}

// Link pulls the cable out of the machine's n-th interface, so that it has no carrier, or plugs it in again.
func (m *Machine) Link(nic int, up bool) error {
	return m.Events.Tell("set_link", map[string]any{"name": "n" + strconv.Itoa(nic), "up": up})
}

// SlowDisk has the machine's disk, with the state directory, write no more than so many bytes a second, 0 for as many as it can.
func (m *Machine) SlowDisk(perSecond int) error { return m.throttle("disk", 0, perSecond) }

// SlowShared has the machine read and write no more than so many bytes a second of the disk that it shares, 0 for as many as it can.
func (m *Machine) SlowShared(perSecond int) error { return m.throttle("shared", perSecond, perSecond) }

// PullShared takes the disk that the machine shares out of it.
func (m *Machine) PullShared() error {
	return m.Events.Tell("device_del", map[string]any{"id": "plug"})
}

// PlugShared puts it in again.
func (m *Machine) PlugShared() error {
	file := map[string]any{"driver": "file", "filename": m.shared, "locking": "off", "cache": map[string]any{"direct": true}}
	return errors.Join(
		m.Events.Tell("blockdev-add", map[string]any{"driver": "raw", "node-name": "again", "cache": map[string]any{"direct": true}, "file": file}),
		m.Events.Tell("device_add", map[string]any{"driver": "virtio-blk-pci", "id": "plug", "drive": "again", "share-rw": true, "addr": "0x1e"}))
}

func (m *Machine) throttle(disk string, read, write int) error {
	return m.Events.Tell("block_set_io_throttle", map[string]any{"device": disk, "bps": 0, "bps_rd": read, "bps_wr": write,
		"iops": 0, "iops_rd": 0, "iops_wr": 0})
}

// SharedDisk is where a machine finds the disk that it shares with others.
const SharedDisk = "/dev/vdb"

// Freeze stops the whole machine, its clock and its watchdog with it, as a host does that pauses a guest; or has it go on.
func (m *Machine) Freeze(frozen bool) error {
	if frozen {
		return m.Events.Tell("stop", nil)
	}
	return m.Events.Tell("cont", nil)
}

// Boots is how often the machine has booted since it was made.
func (m *Machine) Boots() int { return m.talk.boots() }

// Do has the first process do something; guest/talk.go lists what. It gives what that said.
func (m *Machine) Do(what string, args ...string) (string, error) {
	text, err := m.talk.ask(what, args)
	if err != nil {
		err = fmt.Errorf("machine %s: %s %v: %w", m.Name, what, args, err)
	}
	return text, err
}

// Console is all that the machine has printed.
func (m *Machine) Console() string {
	qemu, _ := os.ReadFile(m.path("qemu"))
	text, err := os.ReadFile(m.path("console"))
	if err != nil {
		return string(qemu) + err.Error()
	}
	return string(qemu) + string(text)
}

// Close switches the machine off.
func (m *Machine) Close() error {
	err := m.cmd.Process.Kill()
	<-m.ended
	for _, c := range []io.Closer{m.Events, m.talk} {
		c.Close()
	}
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	return err
}
