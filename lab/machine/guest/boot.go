package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// mountAll mounts what every system has.
func mountAll() error {
	var errs []error
	for _, m := range [][3]string{{"proc", "/proc", "proc"}, {"sysfs", "/sys", "sysfs"}, {"devtmpfs", "/dev", "devtmpfs"},
		{"tmpfs", "/run", "tmpfs"}, {"tmpfs", "/tmp", "tmpfs"}, {"cgroup2", "/sys/fs/cgroup", "cgroup2"}} {
		err := errors.Join(os.MkdirAll(m[1], 0o755), unix.Mount(m[0], m[1], m[2], 0, ""))
		if err != nil {
			errs = append(errs, fmt.Errorf("mount %s: %w", m[1], err))
		}
	}
	return errors.Join(errs...)
}

// moduleOptions gives a module's options from the kernel's parameters, as modprobe does: MODULE.OPTION=VALUE.
func moduleOptions(module string) (options string) {
	line, _ := os.ReadFile("/proc/cmdline")
	for _, word := range strings.Fields(string(line)) {
		if option, ok := strings.CutPrefix(word, module+"."); ok {
			options += " " + option
		}
	}
	return options
}

// loadModules loads the modules of the image, in the order of its list.
func loadModules() error {
	list, err := os.ReadFile("/modules/list")
	if err != nil {
		return err
	}
	var errs []error
	for _, line := range strings.Split(strings.TrimSpace(string(list)), "\n") {
		name, options, _ := strings.Cut(line, " ")
		f, err := os.Open("/modules/" + name + ".ko")
		if err == nil {
			err = unix.FinitModule(int(f.Fd()), options+moduleOptions(name), 0)
			f.Close()
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			errs = append(errs, fmt.Errorf("module %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// mountState mounts the disk, which survives a reset. The drivers find it a moment after they are loaded.
func mountState() error {
	const disk, place = "/dev/vda", "/var/lib/locum"
	if err := os.MkdirAll(place, 0o700); err != nil {
		return err
	}
	var err error
	for range 100 {
		if err = unix.Mount(disk, place, "ext4", 0, ""); !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENXIO) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("mount %s: %w", disk, err)
	}
	return nil
}

// nameAddresses gives each interface the addresses of the image's list, a line an address: interface and address.
func nameAddresses() error {
	list, err := os.ReadFile("/etc/addresses")
	if err != nil {
		return err
	}
	errs := []error{setUp("lo", "127.0.0.1/8")}
	for line := range strings.Lines(string(list)) {
		if f := strings.Fields(line); len(f) == 2 {
			errs = append(errs, setUp(f[0], f[1]))
		}
	}
	return errors.Join(errs...)
}

func setUp(name, address string) error {
	var link netlink.Link
	var err error
	for range 100 {
		if link, err = netlink.LinkByName(name); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	a, err := netlink.ParseAddr(address)
	if err == nil && name != "lo" {
		err = netlink.AddrAdd(link, a)
	}
	return errors.Join(err, netlink.LinkSetUp(link))
}
