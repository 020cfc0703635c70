package fence

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strings"
)

// digest answers a server's challenge without sending the password (RFC 7616; MD5 and SHA-256, quality "auth" or none).
type digest struct {
	realm, nonce, opaque, algorithm, qop string
	count                                uint32 // requests made with this nonce
}

// digestOf finds the best challenge among the WWW-Authenticate lines of an answer.
func digestOf(lines []string) (digest, bool) {
	var best digest
	found := false
	for _, line := range lines {
		d, ok := parseChallenge(line)
		if ok && (!found || best.algorithm == "MD5" && d.algorithm == "SHA-256") {
			best, found = d, true
		}
	}
	return best, found
}

func parseChallenge(line string) (digest, bool) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return digest{}, false
	}
	p := params(rest)
	d := digest{realm: p["realm"], nonce: p["nonce"], opaque: p["opaque"], algorithm: strings.ToUpper(p["algorithm"])}
	if d.algorithm == "" {
		d.algorithm = "MD5"
	}
	for word := range strings.SplitSeq(p["qop"], ",") {
		if strings.TrimSpace(word) == "auth" {
			d.qop = "auth"
		}
	}
	known := d.algorithm == "MD5" || d.algorithm == "SHA-256"
	return d, known && d.nonce != "" && (p["qop"] == "" || d.qop != "")
}

// params reads name=value and name="value" with commas between them; what is malformed ends it.
func params(text string) map[string]string {
	all := map[string]string{}
	for {
		name, rest, ok := strings.Cut(strings.TrimLeft(text, " \t,"), "=")
		if !ok {
			return all
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			if value, text, ok = quoted(rest[1:]); !ok {
				return all
			}
		} else {
			value, text, _ = strings.Cut(rest, ",")
		}
		all[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
}

func quoted(text string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

// sign adds the authorization of one request.
func (d *digest) sign(r *http.Request, user, password string) {
	d.count++
	count, own := fmt.Sprintf("%08x", d.count), rand.Text()
	r.Header.Set("Authorization", d.header(r.Method, r.URL.RequestURI(), user, password, count, own))
}

func (d *digest) header(method, uri, user, password, count, own string) string {
	secret := d.hash(user, d.realm, password)
	what := d.hash(method, uri)
	response := d.hash(secret, d.nonce, what)
	if d.qop != "" {
		response = d.hash(secret, d.nonce, count, own, d.qop, what)
	}
	text := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=%s, response="%s"`,
		escape(user), escape(d.realm), escape(d.nonce), uri, d.algorithm, response)
	if d.opaque != "" {
		text += fmt.Sprintf(`, opaque="%s"`, escape(d.opaque))
	}
	if d.qop != "" {
		text += fmt.Sprintf(`, qop=%s, nc=%s, cnonce="%s"`, d.qop, count, own)
	}
	return text
}

func (d *digest) hash(parts ...string) string {
	var h hash.Hash = md5.New()
	if d.algorithm == "SHA-256" {
		h = sha256.New()
	}
	h.Write([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(h.Sum(nil))
}

func escape(text string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) }

// withLogin adds user and password to an address, for plugs that take them there.
func withLogin(u *url.URL, user, password string) {
	q := u.Query()
	q.Set("user", user)
	q.Set("password", password)
	u.RawQuery = q.Encode()
}
