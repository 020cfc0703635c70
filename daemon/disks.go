package daemon

import (
	"locum/heartbeat"
	"locum/quorumdisk"
)

// openDisks begins with the quorum disks of the file. None of them is waited for, now or later.
func (h *heart) openDisks() {
	if len(h.cfg.Disks) == 0 {
		return
	}
	o := quorumdisk.DriveOptions{LockDir: h.o.runDir(), Seals: h.seals, Self: h.self.Number,
		Highest: h.cfg.Nodes[len(h.cfg.Nodes)-1].Number, Timeout: h.cfg.Disks[0].Dead, Retry: h.cfg.Disks[0].Every, Say: h.diskSays}
	for _, d := range h.cfg.Disks {
		o.Paths = append(o.Paths, d.Path)
	}
	h.disks = quorumdisk.OpenDrives(o)
	go func(drives *quorumdisk.Drives) {
		for {
			select {
			case e := <-drives.Ended():
				h.w.post(func() { h.step(heartbeat.DiskEnded{Ended: e}) })
			case <-drives.Closed():
				return
			}
		}
	}(h.disks)
}

// diskSays logs what becomes of a disk; what the node makes of it, its engine says.
func (h *heart) diskSays(path, text string) {
	h.w.post(func() { h.log("info", "disk "+path+": "+text) })
}
