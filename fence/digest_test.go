package fence

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"locum/config"
	"locum/wire"
)

func TestTheExampleOfRFC7616(t *testing.T) {
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		d, ok := digestOf([]string{`Basic realm="x"`, `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=` + algorithm +
			`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`})
		if !ok {
			t.Fatal("not understood")
		}
		got := d.header("GET", "/dir/index.html", "Mufasa", "Circle of Life", "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
		if !strings.Contains(got, `response="`+want+`"`) {
			t.Errorf("%s: %s", algorithm, got)
		}
	}
}

func TestTheStrongestChallengeThatIsUnderstoodCounts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"the stronger one", []string{`Digest nonce="a", algorithm=MD5, qop="auth"`, `Digest nonce="b", algorithm=SHA-256, qop="auth"`}, "b"},
		{"no algorithm is MD5", []string{`digest nonce=a`}, "a"},
		{"a quote in a value", []string{`Digest realm="a \"b\", c", nonce="n"`}, "n"},
		{"an unknown algorithm", []string{`Digest nonce="a", algorithm=SHA-512-256`}, ""},
		{"only for whole bodies", []string{`Digest nonce="a", qop="auth-int"`}, ""},
		{"no nonce", []string{`Digest realm="a"`}, ""},
		{"a quote without end", []string{`Digest realm="a, nonce=b`}, ""},
		{"another scheme", []string{`Basic nonce="a"`}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d, ok := digestOf(tc.lines); d.nonce != tc.want || ok != (tc.want != "") {
				t.Errorf("%+v, %v", d, ok)
			}
		})
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="a \"b\", c", nonce="n", qop="auth", algorithm=MD5`)
	f.Add(`Digest a=b=c,,="x",`)
	f.Fuzz(func(t *testing.T, line string) {
		if d, ok := digestOf([]string{line}); ok && d.nonce == "" {
			t.Error("a challenge without a nonce")
		}
	})
}

func TestAPlugThatWantsADigestIsToldSoInTheLine(t *testing.T) {
	p := newPlug(t, digestOnly("locum", "s3cret"))
	keys := []string{"user", "locum", "password-file", secretFile(t, "s3cret")}
	_, text := ladder(t, []config.Fence{p.line("pdu", 1, keys...)}).Off(context.Background(), always)
	if !strings.Contains(text, "it wants auth=digest") {
		t.Error(text)
	}
	p.requests()
	l := ladder(t, []config.Fence{p.line("pdu", 1, append(keys, "auth", "digest")...)})
	if power, readings := l.Read(context.Background()); power != wire.PowerOn {
		t.Fatal(readings)
	}
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Error(text)
	}
	if got := p.requests(); got != "/status /status /off /status" {
		t.Errorf("the challenge costs a request each time: %s", got)
	}
	got, text := ladder(t, []config.Fence{p.line("pdu", 1, "user", "locum", "auth", "digest", "password-file", secretFile(t, "wr0ng"))}).Off(context.Background(), always)
	if got != wire.OutcomeUnknown || !strings.Contains(text, "401 Unauthorized: user= or password-file= are wrong") {
		t.Errorf("%s: %s", got, text)
	}
}

// digestOnly is a plug that takes no request without the right digest, and makes a new nonce for each that came without.
func digestOnly(user, password string) func(*plug, http.ResponseWriter, *http.Request) bool {
	last := ""
	return func(p *plug, w http.ResponseWriter, r *http.Request) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		offer := digest{realm: "plug", nonce: "n1", algorithm: "SHA-256", qop: "auth"}
		got := params(strings.TrimPrefix(r.Header.Get("Authorization"), "Digest "))
		want := params(strings.TrimPrefix(offer.header(r.Method, r.URL.RequestURI(), user, password, got["nc"], got["cnonce"]), "Digest "))
		if got["nc"] > last && got["response"] == want["response"] && got["username"] == user {
			last = got["nc"] // each counts once (RFC 7616, section 5.12)
			return false
		}
		w.Header().Set("WWW-Authenticate", `Digest realm="plug", nonce="n1", qop="auth", algorithm=SHA-256`)
		http.Error(w, "", http.StatusUnauthorized)
		return true
	}
}
