package fence

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"locum/config"
)

// snmpKinds are switches whose objects their makers publish. %[1]d is the unit of a chain, %[2]d the outlet.
var snmpKinds = map[string]struct {
	unit    int // of a switch that stands alone
	objects snmpObjects
}{
	// PowerNet-MIB, rPDUOutletControlOutletCommand: immediateOn(1), immediateOff(2); rPDUOutletStatusOutletState: on(1), off(2)
	"apc-snmp": {0, snmpObjects{off: "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.%[2]d", on: "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.%[2]d",
		status: "1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.%[2]d", toOff: 2, toOn: 1, statusOff: 2, statusOn: 1}},
	// PowerNet-MIB, rPDU2OutletSwitchedControlCommand: immediateOn(1), immediateOff(2); rPDU2OutletSwitchedStatusState: off(1), on(2)
	"apc2-snmp": {0, snmpObjects{off: "1.3.6.1.4.1.318.1.1.26.9.2.4.1.5.%[2]d", on: "1.3.6.1.4.1.318.1.1.26.9.2.4.1.5.%[2]d",
		status: "1.3.6.1.4.1.318.1.1.26.9.2.3.1.5.%[2]d", toOff: 2, toOn: 1, statusOff: 1, statusOn: 2}},
	// EATON-EPDU-MIB, outletControlOffCmd and outletControlOnCmd: seconds until it happens; outletControlStatus: off(0), on(1)
	"eaton-snmp": {0, snmpObjects{off: "1.3.6.1.4.1.534.6.6.7.6.6.1.3.%[1]d.%[2]d", on: "1.3.6.1.4.1.534.6.6.7.6.6.1.4.%[1]d.%[2]d",
		status: "1.3.6.1.4.1.534.6.6.7.6.6.1.2.%[1]d.%[2]d", toOff: 0, toOn: 0, statusOff: 0, statusOn: 1}},
	// PDU2-MIB, switchingOperation: off(0), on(1); outletSwitchingState: on(7), off(8)
	"raritan-snmp": {1, snmpObjects{off: "1.3.6.1.4.1.13742.6.4.1.2.1.2.%[1]d.%[2]d", on: "1.3.6.1.4.1.13742.6.4.1.2.1.2.%[1]d.%[2]d",
		status: "1.3.6.1.4.1.13742.6.4.1.2.1.3.%[1]d.%[2]d", toOff: 0, toOn: 1, statusOff: 8, statusOn: 7}},
}

// objectsOf gives the objects of the line's outlet.
func objectsOf(f config.Fence) (snmpObjects, error) {
	kind, ok := snmpKinds[f.Type]
	if !ok {
		return objectsGiven(f)
	}
	unit, err := strconv.Atoi(cmp.Or(f.Keys["unit"], strconv.Itoa(kind.unit)))
	if err != nil || unit < 0 {
		return snmpObjects{}, fmt.Errorf("unit=%s is not a number", f.Keys["unit"])
	}
	outlet, err := strconv.Atoi(f.Keys["outlet"])
	if err != nil || outlet < 1 {
		return snmpObjects{}, fmt.Errorf("outlet=%s is not the number of an outlet; the first is 1", f.Keys["outlet"])
	}
	o := kind.objects
	for _, oid := range []*string{&o.off, &o.on, &o.status} {
		*oid = strings.NewReplacer("%[1]d", strconv.Itoa(unit), "%[2]d", strconv.Itoa(outlet)).Replace(*oid)
	}
	return o, nil
}

// objectsGiven reads them from a line with type=snmp: oid-off and value-off, oid-on and value-on (both the same object unless
// the line says so), oid-status with status-off and status-on.
func objectsGiven(f config.Fence) (o snmpObjects, err error) {
	trim := func(key string) string { return strings.TrimPrefix(f.Keys[key], ".") }
	o.off, o.status = trim("oid-off"), trim("oid-status")
	o.on = cmp.Or(trim("oid-on"), o.off)
	for key, value := range map[string]*int{"value-off": &o.toOff, "value-on": &o.toOn, "status-off": &o.statusOff, "status-on": &o.statusOn} {
		n, err := strconv.ParseInt(f.Keys[key], 10, 32)
		if err != nil {
			return o, fmt.Errorf("%s=%s is not a number", key, f.Keys[key])
		}
		*value = int(n)
	}
	if o.off == "" || o.status == "" || o.statusOff == o.statusOn {
		return o, fmt.Errorf("the fence line needs oid-off=, oid-status=, and status-off= and status-on= that differ")
	}
	return o, nil
}
