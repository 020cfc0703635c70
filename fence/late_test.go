package fence

import (
	"net"
	"sync"
	"testing"

	"github.com/gosnmp/gosnmp"

	"locum/config"
	"locum/wire"
)

// lateSwitch answers the first question only when the second has come, where that one waits for its answer, and then that one.
func lateSwitch(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	t.Cleanup(func() { conn.Close(); ended.Wait() })
	codec := &gosnmp.GoSNMP{Version: gosnmp.Version2c, Community: "secret"}
	ended.Go(func() {
		var first *gosnmp.SnmpPacket
		from := map[string]bool{}
		b := make([]byte, 4096)
		for {
			n, who, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			asked, err := codec.SnmpDecodePacket(b[:n])
			if err != nil {
				t.Error(err)
				return
			}
			if first == nil {
				first = asked
			}
			if from[who.String()] = true; len(from) == 1 {
				continue
			}
			for _, q := range []struct {
				packet *gosnmp.SnmpPacket
				value  int
			}{{first, 2}, {asked, 1}} {
				answer := *q.packet
				answer.PDUType, answer.Variables = gosnmp.GetResponse, []gosnmp.SnmpPDU{{Name: asked.Variables[0].Name, Type: gosnmp.Integer, Value: q.value}}
				text, err := answer.MarshalMsg()
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := conn.WriteTo(text, who); err != nil {
					return
				}
			}
		}
	})
	return conn.LocalAddr().String()
}

func TestAnAnswerOfSNMPToAnOlderQuestionIsNotTakenForThatToANewOne(t *testing.T) {
	f := config.Fence{Name: "pdu", Type: "snmp", Timeout: brisk, Keys: map[string]string{"address": lateSwitch(t), "community-file": secretFile(t, "secret"),
		"oid-off": "1.3.6.1.4.1.1", "value-off": "2", "value-on": "1", "oid-status": "1.3.6.1.4.1.1", "status-off": "2", "status-on": "1"}}
	if power, err := device2(t, f); power != wire.PowerUnknown || err == nil {
		t.Fatalf("%s, %v", power, err)
	}
	f.Timeout = patience
	if power, err := device2(t, f); power != wire.PowerOn || err != nil {
		t.Errorf("it is on: %s, %v", power, err)
	}
}
