package daemon

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// buryEvery is how often it is looked whether what a former program of this process has started has ended.
const buryEvery = 5 * time.Second

// buryLeft takes leave of the children that this process had before it executed itself anew: helpers of disks, which end as soon as
// their disk lets them. The library waits only for what it has started itself, and they would stay in the process table. It is to
// be called before anything is started.
func buryLeft() {
	text, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children")
	if err != nil {
		return // a kernel that does not tell
	}
	var left []int
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil {
			left = append(left, pid)
		}
	}
	bury(left)
}

func bury(left []int) {
	left = slices.DeleteFunc(left, func(pid int) bool {
		ended, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
		return err != nil && err != unix.EINTR || ended == pid
	})
	if len(left) > 0 {
		time.AfterFunc(buryEvery, func() { bury(left) })
	}
}
