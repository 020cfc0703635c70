package replay

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"

	"locum/cluster"
)

// events are the types of cluster.Event; a record names one by its place, so a new one is added at the end.
var events = []reflect.Type{
	reflect.TypeFor[cluster.Started](), reflect.TypeFor[cluster.PeerChanged](), reflect.TypeFor[cluster.MessageArrived](),
	reflect.TypeFor[cluster.MessageEnded](), reflect.TypeFor[cluster.LeaseChanged](), reflect.TypeFor[cluster.WatchdogChanged](), reflect.TypeFor[cluster.DiskChanged](),
	reflect.TypeFor[cluster.Ceased](), reflect.TypeFor[cluster.Permitted](), reflect.TypeFor[cluster.OpEnded](),
	reflect.TypeFor[cluster.Watched](), reflect.TypeFor[cluster.Contested](), reflect.TypeFor[cluster.ShotEnded](),
	reflect.TypeFor[cluster.PowerRead](), reflect.TypeFor[cluster.Stored](), reflect.TypeFor[cluster.Asked](),
	reflect.TypeFor[cluster.Leaving](), reflect.TypeFor[cluster.Tick](), reflect.TypeFor[cluster.DiskJoined](),
	reflect.TypeFor[cluster.Clock](),
	reflect.TypeFor[cluster.Sampled](), reflect.TypeFor[cluster.KeysRead](),
}

// Layout names the types that this program records: a record of other types cannot be read by it.
var Layout = layoutOf(append([]reflect.Type{reflect.TypeFor[cluster.Engine]()}, events...))

func layoutOf(types []reflect.Type) string {
	l := layout{known: map[reflect.Type]bool{configType: true, serviceType: true}}
	for _, t := range types {
		l.add(t)
	}
	sum := sha256.Sum256([]byte(l.text.String()))
	return fmt.Sprintf("%x", sum[:8])
}

// layout writes types down, each once.
type layout struct {
	text  strings.Builder
	known map[reflect.Type]bool
}

func (l *layout) add(t reflect.Type) {
	fmt.Fprintf(&l.text, "%s %s;", t, t.Kind())
	if l.known[t] {
		return
	}
	l.known[t] = true
	switch t.Kind() {
	case reflect.Array, reflect.Slice, reflect.Pointer:
		l.add(t.Elem())
	case reflect.Map:
		l.add(t.Key())
		l.add(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			l.text.WriteString(t.Field(i).Name + " ")
			l.add(t.Field(i).Type)
		}
	}
}
