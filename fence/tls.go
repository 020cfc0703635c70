package fence

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"locum/config"
)

// newTransport has no proxy: the way to a switch must not depend on the environment.
func newTransport(f config.Fence) (*http.Transport, error) {
	timeout := cmp.Or(f.Timeout, config.DefaultFenceTimeout)
	trust, err := trustOf(f)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSClientConfig:        trust,
		TLSHandshakeTimeout:    timeout,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        3 * ProbeEvery, // outlives the pause between two idle questions, but for very many nodes, and a ladder nobody uses any more
		DisableCompression:     true,           // a small answer must not unpack to a large one
		MaxResponseHeaderBytes: maxAnswer,
	}, nil
}

// trustOf says whose certificate is believed: one that ca-file= vouches for, the very one that cert-sha256= names, with
// insecure=yes anybody's, else one that the system's authorities vouch for (nil).
func trustOf(f config.Fence) (*tls.Config, error) {
	switch {
	case f.Keys["cert-sha256"] != "":
		return pinned(f.Keys["cert-sha256"])
	case f.Keys["insecure"] == "yes":
		return &tls.Config{InsecureSkipVerify: true}, nil
	case f.Keys["ca-file"] == "":
		return nil, nil
	}
	pool, err := certificates(f.Keys["ca-file"])
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: pool}, nil
}

// certificates reads those of a file.
func certificates(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, onThisMachine(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, onThisMachine(fmt.Errorf("%s holds no certificate in PEM", file))
	}
	return pool, nil
}

// pinned believes one certificate, whatever name stands in it and whoever signed it, as boards make their own.
func pinned(text string) (*tls.Config, error) {
	want, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("cert-sha256= is not a fingerprint of 64 hexadecimal digits; openssl x509 -noout -fingerprint -sha256 prints a certificate's")
	}
	return &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection checks it instead, also when a session is resumed
		VerifyConnection: func(s tls.ConnectionState) error {
			if got := sha256.Sum256(s.PeerCertificates[0].Raw); [sha256.Size]byte(want) != got {
				return fmt.Errorf("shows another certificate than cert-sha256= says: %s", strings.ToUpper(hex.EncodeToString(got[:])))
			}
			return nil
		},
	}, nil
}
