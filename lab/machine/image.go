package machine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoImage is what a machine needs and this host has not got.
var ErrNoImage = errors.New("no kernel for virtual machines: run lab/machine/build.sh")

// Image is what all machines of a test boot: kernel, first process, modules, the program under test.
type Image struct {
	dir        string // of the cache
	files      []File
	parameters string // for the kernel, besides those that every machine has
	shared     string // a file that every machine of it sees as a disk of its own, "" none
}

// With gives the same image with more parameters for the kernel, which come before those that every machine has.
func (img Image) With(parameters string) *Image {
	img.parameters = parameters + " "
	return &img
}

// Sharing gives the same image for machines that share a disk: a file of the host, which each of them sees as SharedDisk. QEMU reads and
// writes it past the host's cache, as storage of two machines has none in common.
func (img Image) Sharing(file string) *Image {
	img.shared = file
	return &img
}

// cacheDir is where build.sh puts what it fetched.
func cacheDir() string {
	cache := os.Getenv("LOCUM_LAB_CACHE")
	if cache == "" {
		cache = "/var/cache/locum-lab"
	}
	return filepath.Join(cache, "machine")
}

// Missing says what this host lacks to run machines, nil if nothing.
func Missing() error {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return err
	}
	for _, file := range []string{cacheDir() + ".stamp", filepath.Join(cacheDir(), "busybox")} {
		if _, err := os.Stat(file); err != nil {
			return ErrNoImage // or an older one
		}
	}
	return nil
}

// MakeImage builds the first process from the sources below root, the project's directory, and puts it together with a
// program, which is /locum in each machine. work is a directory for what is built.
func MakeImage(root, program, work string) (*Image, error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	first := filepath.Join(work, "guest")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", first, "./lab/machine/guest")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the machines' first process: %w: %s", err, said)
	}
	img := &Image{dir: cacheDir()}
	var err error
	if img.files, err = moduleList(filepath.Join(img.dir, "modules"), wantedModules); err != nil {
		return nil, err
	}
	for _, p := range [][2]string{{first, "init"}, {program, "locum"}, {filepath.Join(img.dir, "busybox"), "bin/busybox"}} {
		data, err := os.ReadFile(p[0])
		if err != nil {
			return nil, err
		}
		img.files = append(img.files, File{p[1], 0o755, data})
	}
	return img, nil
}
