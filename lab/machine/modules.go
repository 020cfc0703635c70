package machine

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// wantedModules are loaded by every machine, with what they need before them. The first watchdog is the one that resets the
// machine whatever its kernel does; softdog is /dev/watchdog1. Where a line has options they follow the name.
var wantedModules = []string{"virtio_pci", "virtio_net", "virtio_blk", "virtio_console", "crc32c_generic", "ext4", "i6300esb", "softdog", "8021q", "bonding", "nfsv3"}

// moduleList gives the lines of the list that the guest loads by, and the files.
func moduleList(dir string, wanted []string) (files []File, err error) {
	var list []string
	var add func(line string) error
	add = func(line string) error {
		name, _, _ := strings.Cut(line, " ")
		if slices.ContainsFunc(list, func(l string) bool { return l == line || strings.HasPrefix(l, name+" ") }) {
			return nil
		}
		data, err := os.ReadFile(filepath.Join(dir, name+".ko"))
		if err != nil {
			return err
		}
		needs, err := moduleNeeds(data)
		if err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
		for _, n := range needs {
			if err := add(n); err != nil {
				return fmt.Errorf("module %s: %w", name, err)
			}
		}
		list = append(list, line)
		files = append(files, File{"modules/" + name + ".ko", 0o644, data})
		return nil
	}
	for _, w := range wanted {
		if err := add(w); err != nil {
			return nil, err
		}
	}
	return append(files, File{"modules/list", 0o644, []byte(strings.Join(list, "\n") + "\n")}), nil
}

// moduleNeeds reads the names of the modules that a module needs from its .modinfo section, as modprobe's database has them.
func moduleNeeds(module []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("it has no .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for entry := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(entry, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}
