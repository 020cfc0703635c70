package fence

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// BenchmarkOffAndConfirmation is a shot and its proof by a plug that answers at once, after an idle question.
func BenchmarkOffAndConfirmation(b *testing.B) {
	var off atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/off" {
			off.Store(true)
		}
		fmt.Fprint(w, map[bool]string{true: "off", false: "on"}[off.Load()])
	}))
	defer s.Close()
	l := ladder(b, []config.Fence{{Name: "pdu", Type: "http", Level: 1, Timeout: time.Second, Keys: map[string]string{
		"url-off": s.URL + "/off", "url-status": s.URL + "/status"}}})
	for b.Loop() {
		b.StopTimer()
		off.Store(false)
		if power := l.Status(context.Background()); power != wire.PowerOn {
			b.Fatal(power)
		}
		b.StartTimer()
		if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
			b.Fatal(text)
		}
	}
}
