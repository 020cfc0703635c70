package quorumdisk

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// drawn counts what was drawn in place of chance.
var drawn atomic.Uint64

// planFor is what "init" is told, with chance that is none: each id differs from all before it.
func planFor(t *testing.T, said *[]string, paths ...string) Plan {
	return Plan{Paths: paths, Cluster: "office", Seals: sealsOf(t, "office"), Nodes: 8, Now: 1792000000,
		Say: func(format string, args ...any) {
			if said != nil {
				*said = append(*said, fmt.Sprintf(format, args...))
			}
		},
		Random: func(b []byte) (int, error) {
			binary.BigEndian.PutUint64(b, drawn.Add(1))
			return len(b), nil
		}}
}

// content writes into a new file of 4 MiB, and gives its name.
func content(t *testing.T, at int, text string) string {
	t.Helper()
	b := make([]byte, 4<<20)
	copy(b[at:], text)
	name := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func made(t *testing.T, program string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip(err)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", program, err, out)
	}
}

func TestInitRefusesWhatHoldsAnythingAndSaysWhatItIs(t *testing.T) {
	for what, make := range map[string]func(t *testing.T) string{
		"an ext2, ext3 or ext4 file system": func(t *testing.T) string {
			dev := loop(t, content(t, 0, ""))
			made(t, "mkfs.ext4", "-q", dev)
			return dev
		},
		"a swap area": func(t *testing.T) string {
			name := content(t, 0, "")
			made(t, "mkswap", name)
			return name
		},
		"a GPT partition table":                          func(t *testing.T) string { return content(t, 512, "EFI PART") },
		"a boot sector or MBR partition table":           func(t *testing.T) string { return content(t, 510, "\x55\xaa") },
		"an LVM physical volume":                         func(t *testing.T) string { return content(t, 512, "LABELONE") },
		"a LUKS volume":                                  func(t *testing.T) string { return content(t, 0, "LUKS\xba\xbe") },
		"an XFS file system":                             func(t *testing.T) string { return content(t, 0, "XFSB") },
		"a RAID member (md)":                             func(t *testing.T) string { return content(t, 4096, "\xfc\x4e\x2b\xa9") },
		"a RAID member (md) whose label is at the end":   func(t *testing.T) string { return content(t, 4<<20-8192, "\xfc\x4e\x2b\xa9") },
		"the copy of a GPT partition table, at the end":  func(t *testing.T) string { return content(t, 4<<20-512, "EFI PART") },
		"an SBD disk":                                    func(t *testing.T) string { return content(t, 0, "SBD_SBD_") },
		"data (byte 777777 is not zero)":                 func(t *testing.T) string { return content(t, 777777, "x") },
		"data near its end (1000 bytes before it)":       func(t *testing.T) string { return content(t, 4<<20-1000, "x") },
		"a locum quorum disk (written by another versio": func(t *testing.T) string { return content(t, 0, magic+"\x09") },
	} {
		t.Run(what, func(t *testing.T) {
			path := make(t)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p := planFor(t, nil, path)
			if err := Init(t.Context(), p); err == nil || !strings.Contains(err.Error(), "disk "+path+" holds ") || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "--force") {
				t.Errorf("%v", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("something was written")
			}
			var said []string
			p = planFor(t, &said, path)
			p.Force = true
			if err := Init(t.Context(), p); err != nil || !strings.Contains(strings.Join(said, "\n"), path+": overwriting ") {
				t.Errorf("by force: %v: %q", err, said)
			}
		})
	}
}

func TestInitNeverTakesWhatIsInUse(t *testing.T) {
	file, dir := content(t, 0, ""), t.TempDir()
	dev := loop(t, file)
	made(t, "mkfs.ext4", "-q", dev)
	made(t, "mount", dev, dir)
	mounted := true
	umount := func() {
		if mounted {
			mounted = false
			made(t, "umount", dir)
		}
	}
	t.Cleanup(umount)
	for _, name := range []string{dev, file} {
		p := planFor(t, nil, name)
		p.Force = true
		if err := Init(t.Context(), p); err == nil || !strings.Contains(err.Error(), "mounted on "+dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	umount()

	path := emptyFile(t, t.TempDir())
	open(t, path)
	p := planFor(t, nil, path)
	p.Force = true
	if err := Init(t.Context(), p); err == nil || !strings.Contains(err.Error(), "in use by another locum on this machine") {
		t.Errorf("%v", err)
	}
}

// partitioned makes a block device of 8 MiB with one partition, from 1 MiB on.
func partitioned(t *testing.T) (whole, part string) {
	t.Helper()
	b := make([]byte, 8<<20)
	entry := b[446:]
	entry[4] = 0x83                                  // its type: Linux
	binary.LittleEndian.PutUint32(entry[8:], 2048)   // from this sector on
	binary.LittleEndian.PutUint32(entry[12:], 12288) // so many
	b[510], b[511] = 0x55, 0xaa
	name := filepath.Join(t.TempDir(), "device")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	whole = loop(t, name)
	made(t, "addpart", whole, "1", "2048", "12288") // not every kernel reads the table by itself
	t.Cleanup(func() {
		// A helper ends a moment after who started it has let go of it.
		for end := time.Now().Add(patience); exec.Command("delpart", whole, "1").Run() != nil; {
			if time.Now().After(end) {
				t.Error("the partition stays in use")
				return
			}
		}
	})
	text, err := os.ReadFile("/sys/class/block/" + filepath.Base(whole) + "p1/dev")
	if err != nil {
		t.Skip("this kernel makes no partitions of loop devices: ", err)
	}
	var major, minor uint32
	if _, err := fmt.Sscanf(string(text), "%d:%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	part = filepath.Join(t.TempDir(), "part") // where nothing makes names in /dev, there is none
	if err := unix.Mknod(part, unix.S_IFBLK|0o600, int(unix.Mkdev(major, minor))); err != nil {
		t.Fatal(err)
	}
	return whole, part
}

func TestAPartitionIsADiskAndItsWholeDeviceIsNot(t *testing.T) {
	whole, part := partitioned(t)
	if err := Init(t.Context(), planFor(t, nil, whole)); err == nil || !strings.Contains(err.Error(), "a boot sector or MBR partition table") {
		t.Errorf("the whole device: %v", err)
	}
	if err := Init(t.Context(), planFor(t, nil, part)); err != nil {
		t.Fatal(err)
	}
	one := newPlayer(t, 1, part)
	claimFor(one)
	play(t, "it has won on the partition", func() bool { return verdict(one) == Won }, one)
	one.drives.Close()
}

func TestInitNeverTakesADiskToWhichANodeWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	p := planFor(t, nil, path)
	if err := Init(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	// A node of another machine: it has no lock that is seen here.
	d, err := OpenDevice(path, ToLook)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	stop := writesTo(t, path, p.Seals)
	p.Force, p.Watch = true, time.Second
	if err := Init(t.Context(), p); err == nil || !strings.Contains(err.Error(), "node 5 writes to it; stop locum there first") {
		t.Errorf("%v", err)
	}
	stop()
}

// writesTo is node 5, which writes its slot to a disk until it is stopped.
func writesTo(t *testing.T, path string, seals Seals) (end func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_SYNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		defer f.Close()
		for n := uint64(1); ; n++ {
			_, _ = f.WriteAt(seals.SealSlot(wire.ID{}, 5, Slot{Incarnation: 1, Counter: n}), Place(5).Offset())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// The disk that replaces another may be that of another cluster, by its name or by mistake.
func TestADiskThatAnotherClusterUsesReplacesNone(t *testing.T) {
	paths := threeFiles(t)
	if err := os.Remove(paths[1]); err != nil {
		t.Fatal(err)
	}
	theirs := planFor(t, nil, paths[1])
	theirs.Cluster, theirs.Seals = "plant", sealsOf(t, "plant")
	if err := Init(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	stop := writesTo(t, paths[1], theirs.Seals)
	defer stop()
	p := planFor(t, nil, paths...)
	p.Force, p.Watch = true, time.Second
	if err := Repair(t.Context(), p, 1); err == nil || !strings.Contains(err.Error(), "is in use: node 5 writes to it") {
		t.Errorf("%v", err)
	}
	if h := mustHeader(t, theirs.Seals, open(t, paths[1])); h.Cluster != "plant" {
		t.Errorf("%+v", h)
	}
}

// The nodes of the set may still write to what they took for the disk: there is nothing to look for.
func TestADiskOfTheSetIsMadeAnewWithoutALook(t *testing.T) {
	p := planFor(t, nil, threeFiles(t)...)
	p.Force, p.Watch = true, time.Hour
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	if err := Repair(ctx, p, 1); err != nil {
		t.Error(err)
	}
}

func TestInitMakesNothingIfOneOfThreeCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	full := content(t, 0, "something")
	if err := Init(t.Context(), planFor(t, nil, filepath.Join(dir, "a"), filepath.Join(dir, "b"), full)); err == nil || !strings.Contains(err.Error(), full) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestADiskThatIsTooSmallIsRefusedWithWhatIsNeeded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(name, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Init(t.Context(), planFor(t, nil, name)); err == nil || !strings.Contains(err.Error(), "has 8192 bytes; 8 nodes need 364544 (356 KiB)") {
		t.Error(err)
	}
}

func TestWhatStandsOnADiskIsSaidInWords(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk")
	p := planFor(t, nil, path)
	if err := Init(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	port := open(t, path)
	h := mustHeader(t, p.Seals, port)
	wrote := someSlot
	wrote.WroteAt, wrote.Hears = 1792000010000, wire.SetOf(2)
	do(t, port, p.Seals.WriteSlot(2, h, 1, wrote))
	do(t, port, p.Seals.WriteClaim(3, h, 2, someClaim))
	do(t, port, p.Seals.WritePill(4, h, 2, 1, Pill{Boot: idA, Incarnation: 6, Epoch: 100, WroteAt: 1792000011000}))
	do(t, port, Request{Op: 5, Place: h.Nodes.Slot(3), Write: bytes.Repeat([]byte("x"), blockSize)})
	sheet := Survey(context.Background(), path, p.Seals, patience, time.Millisecond)
	var b strings.Builder
	sheet.Write(&b, func(n wire.Node) string { return []string{"", "alpha", "beta", "gamma"}[n] }, time.Unix(1792000012, 0), time.Millisecond)
	for _, want := range []string{
		path + ": disk 1 of 1 of cluster office, with room for 8 nodes, made 2026-10-14 17:46:40 UTC (12s ago)",
		"node 1 alpha: its stamp stood still for 1ms; last written 2026-10-14 17:46:50 UTC (2s ago)",
		"life 7, count 1099511627776, boot 01020300, epoch 99; may run services; its engine is down; not quorate; lease 8s; watchdog 10s; hears node 2 beta",
		"node 2 beta has never written its slot",
		"tie-break 4: won by node 1 (life 3) for {1} at epoch 99; before it node 2 (life 2) for {2} at epoch 55 had won",
		"node 3 gamma: slot unreadable: not locum's: something else has written here",
		"pill from node 1 alpha to node 2 beta: life 6 of boot 01020300 is to reset, by epoch 100; written 2026-10-14 17:46:51 UTC (1s ago)",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func mustHeader(t *testing.T, s Seals, p *Port) Header {
	t.Helper()
	h, err := s.OpenHeader(do(t, p, ReadHeader(1)).Data)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestARepairedDiskIsListedByAllAndCountsForNobody(t *testing.T) {
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")}
	p := planFor(t, nil, paths...)
	if err := Init(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(paths[1]); err != nil {
		t.Fatal(err)
	}
	if err := Repair(context.Background(), p, 1); err != nil {
		t.Fatal(err)
	}
	var headers []Header
	for _, path := range paths {
		headers = append(headers, mustHeader(t, p.Seals, open(t, path)))
	}
	if _, counts, err := Together(headers); err != nil || !counts[0] || counts[1] || !counts[2] || headers[1].Generation != 2 {
		t.Errorf("%v, %v: %+v", counts, err, headers)
	}
	replaced, err := p.Seals.OpenHeader(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, counts, err := Together([]Header{headers[0], replaced}); err != nil || counts[1] {
		t.Errorf("the old disk, when it comes back: %v, %v", counts, err)
	}
}

func TestOnlyOneDiskIsRepairedAtATimeAndOnlyByBothOthers(t *testing.T) {
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")}
	p := planFor(t, nil, paths...)
	if err := Init(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.Force = true
	if err := Repair(context.Background(), p, 1); err != nil {
		t.Fatal(err)
	}
	if err := Repair(context.Background(), p, 2); err == nil || !strings.Contains(err.Error(), "has not joined yet") {
		t.Errorf("a second disk: %v", err)
	}
	if err := Repair(context.Background(), p, 1); err != nil {
		t.Errorf("the same once more: %v", err)
	}
	if err := os.WriteFile(paths[0], make([]byte, Geometry(8).Size()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Repair(context.Background(), p, 1); err == nil || !strings.Contains(err.Error(), "its header is nothing but zeros") || !strings.Contains(err.Error(), "both other disks are needed") {
		t.Errorf("with one of the others wiped: %v", err)
	}
	p.Paths = paths[:1]
	if err := Repair(context.Background(), p, 0); err == nil || !strings.Contains(err.Error(), "stop locum on all nodes") {
		t.Errorf("a single disk: %v", err)
	}
}

func TestATestMeasuresAndSeesTheOtherNode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	p := planFor(t, nil, path)
	if err := Init(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	o := MeasureOptions{Path: path, Seals: p.Seals, Self: 1, Run: 11, Every: time.Minute, Dead: time.Hour, Last: time.Second, Timeout: patience}
	other := o
	other.Self, other.Run, other.Last = 2, 22, time.Hour
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = MeasureDisk(ctx, other)
	}()
	port := open(t, path)
	h := mustHeader(t, p.Seals, port)
	for began := time.Now(); ; {
		v, err := p.Seals.OpenTrial(h.ID, h.Nodes.Trial(2), do(t, port, Request{Op: 2, Place: h.Nodes.Trial(2), Count: 1}).Data)
		if err == nil && v.Run == 22 {
			break
		}
		if time.Since(began) > patience {
			t.Fatal("the other node writes nothing")
		}
	}
	m, err := MeasureDisk(context.Background(), o)
	stop()
	<-ended
	if err != nil || !m.OK || m.Verdict != "fast enough, honest, and shared" || m.Rounds == 0 || len(m.Others) != 1 || m.Others[0].Node != 2 || m.Writes.Max < m.Writes.P50 || m.Writes.P50 <= 0 {
		t.Errorf("%+v, %v", m, err)
	}
	o.Self = 9
	if _, err := MeasureDisk(context.Background(), o); err == nil || !strings.Contains(err.Error(), "room for 8 nodes, and this is node 9") {
		t.Errorf("%v", err)
	}
}

func TestALookAtADiskEndsWhenItIsInterrupted(t *testing.T) {
	paths := newDisks(t, filepath.Join(t.TempDir(), "a"))
	before, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	p := planFor(t, &said, paths...)
	p.Force, p.Watch = true, time.Hour
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if err := Init(ctx, p); err == nil || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(paths[0]); err != nil || !bytes.Equal(now, before) || len(said) != 1 || !strings.Contains(said[0], "looking for 1h0m0s whether a node writes to it") {
		t.Errorf("%v; said %q", err, said)
	}
}
