package fence

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// TestTwoSuppliesOfDifferentKindsCountTogether: a plug on the network feeds one supply, a serial switch the other.
func TestTwoSuppliesOfDifferentKindsCountTogether(t *testing.T) {
	for manner, want := range map[string]wire.Outcome{"": wire.OutcomeDone, "deaf": wire.OutcomeFailed} {
		t.Run("the second is "+manner, func(t *testing.T) {
			p := newPlug(t, func(p *plug, w http.ResponseWriter, r *http.Request) bool {
				p.turned(r.URL.Query().Get("turn"), "off", "on")
				fmt.Fprintf(w, `{"ison":%v}`, p.isOn())
				return true
			})
			s := newRPS10(t, manner)
			limit := patience
			if manner != "" {
				limit = time.Second
			}
			l := ladder(t, []config.Fence{within(p.kind("shelly-gen1", "0"), limit), within(s.line(1), limit)})
			got, text := l.Off(context.Background(), always)
			if !judged(got, text, want, "") || p.isOn() {
				t.Fatalf("%s: %s", got, text)
			}
			if manner == "" && s.on[1] {
				t.Error("done, and the second supply is on")
			}
			if err := l.On(context.Background()); err != nil || !p.isOn() || !s.on[1] {
				t.Errorf("both are to be on again: %v", err)
			}
		})
	}
}
