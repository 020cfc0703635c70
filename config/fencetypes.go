package config

import "time"

// The types of fence lines. Their constructors stand in daemon/plugins.go, the devices in package fence.
var fenceTypes = map[string]spec{
	"agent":  {anyKey: true},
	"manual": {},

	"http": {required: []string{"url-off", "url-status"}, oneOf: httpAuth, keys: with(tlsKeys, userKeys, map[string]kind{
		"url-off": kindURL, "url-on": kindURL, "url-status": kindURL, "method": kindWord, "match-off": kindWord, "match-on": kindWord,
		"json": kindWord, "auth": kindWord, "body-off": kindWord, "body-on": kindWord})},
	"apc-snmp":     snmpSpec("outlet"),
	"apc2-snmp":    snmpSpec("outlet"),
	"eaton-snmp":   snmpSpec("outlet"),
	"raritan-snmp": snmpSpec("outlet"),
	"snmp":         snmpSpec("oid-off", "value-off", "value-on", "oid-status", "status-off", "status-on"),
	"netio":        plugSpec,
	"rps10":        {required: []string{"device", "outlet"}, slow: serialTime, oneOf: serialRates, keys: map[string]kind{"device": kindFile, "baud": kindWord, "outlet": kindNumber}},
	"serial": {required: []string{"device", "send-off", "send-status", "match-off", "match-on"}, slow: serialTime, oneOf: serialRates, keys: map[string]kind{
		"device": kindFile, "baud": kindWord, "outlet": kindNumber, "send-off": kindWord, "send-on": kindWord, "send-status": kindWord,
		"expect-off": kindWord, "expect-on": kindWord, "match-off": kindWord, "match-on": kindWord, "password-file": kindFile}},
	"ipmi": {required: []string{"address", "user", "password-file"}, slow: boardTime, oneOf: ipmiWords, keys: with(userKeys, map[string]kind{
		"address": kindHost, "cipher": kindWord, "privilege": kindWord})},
	"libvirt": {required: []string{"uri", "domain"}, slow: hostTime, keys: map[string]kind{
		"uri": kindWord, "domain": kindWord, "ca-file": kindFile, "cert-file": kindFile, "key-file": kindFile}},
	"shelly":      plugSpec,
	"shelly-gen1": plugSpec,
	"tasmota":     plugSpec,
	"redfish":     {required: []string{"address", "user", "password-file"}, oneOf: boardAuth, slow: boardTime, keys: with(tlsKeys, userKeys, boardKeys)},
}

// plugSpec is a plug whose requests are known.
var plugSpec = spec{required: []string{"address"}, keys: with(tlsKeys, userKeys, map[string]kind{
	"address": kindHost, "outlet": kindNumber, "scheme": kindWord}), oneOf: map[string][]string{"scheme": {"http", "https"}}}

// snmpSpec is a switch that speaks SNMP; either its outlet is required, or the objects of it.
func snmpSpec(required ...string) spec {
	keys := with(snmpKeys)
	switch required[0] {
	case "outlet":
		keys["outlet"], keys["unit"] = kindNumber, kindNumber
	default:
		keys = with(keys, snmpObjects)
	}
	return spec{required: append([]string{"address"}, required...), keys: keys, oneOf: snmpWords}
}

var (
	snmpKeys = map[string]kind{"address": kindHost, "community-file": kindFile, "version": kindWord,
		"user": kindWord, "auth": kindWord, "auth-file": kindFile, "priv": kindWord, "priv-file": kindFile}
	snmpObjects = map[string]kind{"oid-off": kindOID, "value-off": kindNumber, "oid-on": kindOID, "value-on": kindNumber,
		"oid-status": kindOID, "status-off": kindNumber, "status-on": kindNumber}
	snmpWords = map[string][]string{"version": {"1", "2c", "3"}, "auth": {"md5", "sha", "sha224", "sha256", "sha384", "sha512"},
		"priv": {"des", "aes", "aes192", "aes256", "aes192c", "aes256c"}}
	userKeys  = map[string]kind{"user": kindWord, "password-file": kindFile}
	tlsKeys   = map[string]kind{"ca-file": kindFile, "cert-sha256": kindWord, "insecure": kindYes}
	boardKeys = map[string]kind{"address": kindHost, "system": kindWord, "auth": kindWord}
	ipmiWords = map[string][]string{"cipher": {"3", "17"}, "privilege": {"operator", "administrator"}}
	httpAuth  = map[string][]string{"auth": {"basic", "digest"}}
	// A switch's port is opened as that of a path.
	serialRates = map[string][]string{"baud": rateWords()}
	boardAuth   = map[string][]string{"auth": {"basic", "session"}}
)

// boardTime is what a management board may well need to switch its machine off and to notice that: some seconds.
const boardTime = 5 * time.Second

// serialTime is what a slow line needs: a pause before a command, the command, its answer.
const serialTime = 3 * time.Second

// hostTime: libvirt asks a machine's process to end, and kills it 10 s later.
const hostTime = 15 * time.Second

func with(sets ...map[string]kind) map[string]kind {
	all := map[string]kind{}
	for _, set := range sets {
		for key, k := range set {
			all[key] = k
		}
	}
	return all
}
