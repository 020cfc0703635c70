package daemon

import (
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/quorumdisk"
	"locum/wire"
)

func TestNoHelperIsLeftUnburiedByAHeartThatBeginsAnew(t *testing.T) {
	n := newNode(t)
	key, err := wire.ParseKey([]byte(n.read("key")))
	if err != nil {
		t.Fatal(err)
	}
	seals, err := quorumdisk.SealsOf("lab", key)
	if err != nil {
		t.Fatal(err)
	}
	if err := quorumdisk.Init(t.Context(), quorumdisk.Plan{Paths: []string{n.dir + "/disk"}, Cluster: "lab", Seals: seals, Nodes: quorumdisk.RoomFor(1), Random: rand.Read, Say: func(string, ...any) {}}); err != nil {
		t.Fatal(err)
	}
	n.write("locum.conf", fmt.Sprintf(theFile, n.dir, n.dir)+"disk "+n.dir+"/disk every=200ms dead=1s\n", 0o644)
	n.start()
	n.serving()
	for range 3 {
		n.signal(syscall.SIGHUP)
		before := strings.Count(n.log.String(), "/disk: in use")
		for end := time.Now().Add(10 * time.Second); strings.Count(n.log.String(), "/disk: in use") == before; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the disk is not taken up again")
			}
		}
		n.serving()
	}
	own := strconv.Itoa(n.cmd.Process.Pid)
	unburied := func() (list []string) {
		children, _ := os.ReadFile("/proc/" + own + "/task/" + own + "/children")
		for _, pid := range strings.Fields(string(children)) {
			stat, _ := os.ReadFile("/proc/" + pid + "/stat")
			if _, state, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(state, "Z") {
				list = append(list, string(stat))
			}
		}
		return list
	}
	for end := time.Now().Add(2 * buryEvery); len(unburied()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q", unburied())
		}
	}
}
