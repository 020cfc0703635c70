package quorumdisk

import (
	"bytes"
	"fmt"
)

// edge is how much of a disk's beginning and end is looked at before anything is written: labels of file systems, volumes and
// arrays stand in these.
const edge = 1 << 20

// signature is a mark by which something is known that lies on a disk.
type signature struct {
	name  string
	at    int
	bytes string
}

// From the front; offsets as in the file systems' own headers.
var signatures = []signature{
	{"a GPT partition table", 512, "EFI PART"},
	{"a GPT partition table", 4096, "EFI PART"},
	{"an ext2, ext3 or ext4 file system", 1024 + 56, "\x53\xef"},
	{"an XFS file system", 0, "XFSB"},
	{"a Btrfs file system", 65536 + 64, "_BHRfS_M"},
	{"a FAT file system", 82, "FAT32"},
	{"a FAT file system", 54, "FAT1"},
	{"an NTFS file system", 3, "NTFS    "},
	{"an ISO 9660 image", 32769, "CD001"},
	{"a LUKS volume", 0, "LUKS\xba\xbe"},
	{"an LVM physical volume", 512, "LABELONE"},
	{"an LVM physical volume", 0, "LABELONE"},
	{"a RAID member (md)", 4096, "\xfc\x4e\x2b\xa9"},
	{"a RAID member (md)", 0, "\xfc\x4e\x2b\xa9"},
	{"a swap area", 4096 - 10, "SWAPSPACE2"},
	{"an SBD disk", 0, "SBD_SBD_"},
	{"a sanlock lease", 0, "\x01\x04\x15\x12"},
	{"an OCFS2 file system", 8192, "OCFSV2"},
	{"a GFS2 file system", 65536, "\x01\x16\x19\x70"},
}

// contentOf says what lies on a disk by its beginning and its end; nothing if both are only zeros.
func contentOf(head, tail []byte) (found []string) {
	add := func(what string) {
		for _, f := range found {
			if f == what {
				return
			}
		}
		found = append(found, what)
	}
	if bytes.HasPrefix(head, []byte(magic)) {
		add("a locum quorum disk")
	}
	for _, s := range signatures {
		if len(head) >= s.at+len(s.bytes) && string(head[s.at:s.at+len(s.bytes)]) == s.bytes {
			add(s.name)
		}
	}
	if len(head) >= 512 && head[510] == 0x55 && head[511] == 0xaa {
		add("a boot sector or MBR partition table")
	}
	if n := len(tail); n >= 65536 {
		for at := n - 65536; at+4 <= n; at += 4096 {
			if string(tail[at:at+4]) == "\xfc\x4e\x2b\xa9" {
				add("a RAID member (md) whose label is at the end")
			}
		}
		if string(tail[n-512:n-504]) == "EFI PART" {
			add("the copy of a GPT partition table, at the end")
		}
	}
	if at := firstNonZero(head); at >= 0 && len(found) == 0 {
		add(fmt.Sprintf("data (byte %d is not zero)", at))
	}
	if at := firstNonZero(tail); at >= 0 && len(found) == 0 {
		add(fmt.Sprintf("data near its end (%d bytes before it)", len(tail)-at))
	}
	return found
}

func firstNonZero(b []byte) int {
	for i, c := range b {
		if c != 0 {
			return i
		}
	}
	return -1
}

// Contents says what lies on a disk, by reading its edges.
func (d *Device) Contents() ([]string, error) {
	most := min(d.size, edge) / SectorSize * SectorSize
	head, tail := aligned(int(most)), aligned(int(most))
	if err := d.Read(head, 0); err != nil {
		return nil, err
	}
	if err := d.Read(tail, Place((d.size-most)/SectorSize)); err != nil {
		return nil, err
	}
	return contentOf(head, tail), nil
}
