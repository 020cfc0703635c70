package demo

import (
	"crypto/rand"
	"fmt"
	"net/netip"

	"locum/lab"
	"locum/wire"
)

// The service of the demo, and where its files lie in each node.
var vip = netip.MustParseAddr("192.0.2.100")

const (
	servicePort = 7007
	configFile  = lab.NodeDir + "/locum.conf"
	keyFile     = lab.NodeDir + "/locum.key"
	stateDir    = lab.NodeDir + "/state"
	baud        = 115200
	diskFile    = lab.NodeDir + "/quorum"
)

// file is the file of both nodes. The serial cable's ends are alpha's and beta's.
func file(w *lab.World, serial [2]string, disk bool) string {
	quorum := ""
	if disk {
		quorum = "disk      " + diskFile + " every=250ms dead=1s\ntiebreak  disk\n"
	}
	fence := func(name string) string {
		return fmt.Sprintf("fence     %-5s plug type=http timeout=500ms holdup=0s url-off=%s url-on=%s url-status=%s\n",
			name, w.Power.URL(name, "off"), w.Power.URL(name, "on"), w.Power.URL(name, "status"))
	}
	return `cluster   demo
key       ` + keyFile + `
node      1 alpha
node      2 beta
beat      every=100ms dead=1s
path      udp lan alpha=192.0.2.1 beta=192.0.2.2
path      serial null alpha=` + fmt.Sprintf("%s beta=%s baud=%d\n", serial[0], serial[1], baud) + quorum + `tiebreak  fence delay=2s
` + fence("alpha") + fence("beta") + `service   web nodes=alpha,beta
resource  web vip ` + vip.String() + `/24 dev=eth0
resource  web process ` + lab.NodeDir + fmt.Sprintf("/locum-lab echo %d\n", servicePort)
}

// lay writes the file and a fresh key to every node.
func lay(w *lab.World, serial [2]string, disk bool) error {
	random := make([]byte, wire.KeySize)
	rand.Read(random)
	key, err := wire.NewKey(random)
	if err != nil {
		return err
	}
	for _, n := range w.Nodes {
		if err := n.WriteFile("locum.conf", []byte(file(w, serial, disk)), 0o644); err != nil {
			return err
		}
		if err := n.WriteFile("locum.key", []byte(key), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// start runs locum on a node.
func start(n *lab.Node) (*lab.Process, error) {
	return n.Start(nil, "locum", "run", "--config", configFile, "--node", n.Name, "--state-dir", stateDir)
}
