package cluster_test

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"locum/cluster"
)

// always is the file of what messages always hold.
const always = "testdata/messages.golden"

// allocate makes everything below a value that is left out when it is nil, one of each.
func allocate(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		allocate(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		allocate(v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			if tag := v.Type().Field(i).Tag.Get("json"); v.Field(i).CanSet() && !strings.Contains(tag, "omitempty") {
				allocate(v.Field(i))
			}
		}
	}
}

// TestWhatMessagesAlwaysHold: while a cluster is brought to another version node by node, both versions talk to each other, and a field that
// one of them does not know is refused. So a new field is left out where it says nothing: docs/decisions/0023.
func TestWhatMessagesAlwaysHold(t *testing.T) {
	var all bytes.Buffer
	kinds := reflect.TypeFor[cluster.Message]()
	for i := range kinds.NumField() {
		var m cluster.Message
		allocate(reflect.ValueOf(&m).Elem().Field(i))
		b, err := cluster.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cluster.Decode(b); err != nil {
			t.Errorf("%s: %v", b, err)
		}
		all.Write(append(b, '\n'))
	}
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(always, all.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(always)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(all.Bytes(), want) {
		t.Errorf("messages hold\n%s\nand held (%s)\n%s\nA node of the version before refuses a field that it does not know: give a new one omitempty", all.Bytes(), always, want)
	}
}

func TestAFieldOfAnotherVersionIsSaidToBeOne(t *testing.T) {
	_, err := cluster.Decode([]byte(`{"moved":{"epoch":1,"service":"web","why":"x","colour":"red"}}`))
	if err == nil || !strings.Contains(err.Error(), "colour") || !strings.Contains(err.Error(), "locum version") {
		t.Errorf("said: %v", err)
	}
}
