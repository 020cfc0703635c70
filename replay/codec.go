package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"unsafe"

	"locum/cluster"
	"locum/config"
)

// The codec writes any plain value with all that it holds, exported or not, field by field in the order of the type: an engine has no
// function, channel or interface in it. Both sides have to have the same types, which layoutOf tells.

var (
	configType  = reflect.TypeFor[*config.Config]()
	serviceType = reflect.TypeFor[*config.Service]()
	actionsType = reflect.TypeFor[[]cluster.Action]() // what the last step gave: no step looks at it
)

// encoder appends values. A pointer into the file is written as the place there.
type encoder struct {
	b   []byte
	cfg *config.Config
	err error
}

func (e *encoder) uint(n uint64) { e.b = binary.AppendUvarint(e.b, n) }

func (e *encoder) bytes(b []byte) {
	e.uint(uint64(len(b)))
	e.b = append(e.b, b...)
}

func (e *encoder) value(v reflect.Value) {
	if v.Type() == actionsType {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		e.flag(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.b = binary.AppendVarint(e.b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		e.uint(v.Uint())
	case reflect.Float64:
		e.uint(math.Float64bits(v.Float()))
	case reflect.String:
		e.bytes([]byte(v.String()))
	case reflect.Array:
		e.elements(v)
	case reflect.Slice:
		e.flag(!v.IsNil())
		if !v.IsNil() {
			e.uint(uint64(v.Len()))
			e.elements(v)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			e.value(v.Field(i))
		}
	case reflect.Map:
		e.entries(v)
	case reflect.Pointer:
		e.pointer(v)
	default:
		e.err = errors.Join(e.err, fmt.Errorf("a %s cannot be recorded", v.Type()))
	}
}

func (e *encoder) flag(on bool) {
	if on {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) elements(v reflect.Value) {
	for i := range v.Len() {
		e.value(v.Index(i))
	}
}

// entries writes a map in the order of its keys as they are written, so that equal maps are equal bytes.
func (e *encoder) entries(v reflect.Value) {
	e.flag(!v.IsNil())
	if v.IsNil() {
		return
	}
	var list []string
	for it := v.MapRange(); it.Next(); {
		one := encoder{cfg: e.cfg}
		one.value(it.Key())
		one.value(it.Value())
		e.err = errors.Join(e.err, one.err)
		list = append(list, string(one.b))
	}
	slices.Sort(list)
	e.uint(uint64(len(list)))
	for _, one := range list {
		e.b = append(e.b, one...)
	}
}

func (e *encoder) pointer(v reflect.Value) {
	e.flag(!v.IsNil())
	switch {
	case v.IsNil() || v.Type() == configType:
	case v.Type() == serviceType:
		at := slices.IndexFunc(e.cfg.Services, func(s config.Service) bool { return s.Name == v.Elem().FieldByName("Name").String() })
		if at < 0 {
			e.err = errors.Join(e.err, errors.New("a service that is not in the file cannot be recorded"))
		}
		e.uint(uint64(at))
	default:
		e.value(v.Elem())
	}
}

// errShort is a record that ends in the middle of a value, or whose lengths cannot be.
var errShort = errors.New("it is cut short, or damaged")

// decoder reads what encoder has written. What it gets may be anything.
type decoder struct {
	b   []byte
	cfg *config.Config
	err error
}

func (d *decoder) uint() uint64 {
	n, k := binary.Uvarint(d.b)
	if k <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[k:]
	return n
}

func (d *decoder) int() int64 {
	n, k := binary.Varint(d.b)
	if k <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[k:]
	return n
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

// length is how many things follow, each of which takes a byte at least.
func (d *decoder) length() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail(errShort)
		return 0
	}
	return int(n)
}

func (d *decoder) flag() bool { return d.uint() == 1 }

func (d *decoder) bytes() []byte {
	n := d.length()
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

// value reads into an addressable value.
func (d *decoder) value(v reflect.Value) {
	if d.err != nil || v.Type() == actionsType {
		return
	}
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem() // also where it is not exported
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(d.flag())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(d.int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(d.uint())
	case reflect.Float64:
		v.SetFloat(math.Float64frombits(d.uint()))
	case reflect.String:
		v.SetString(string(d.bytes()))
	case reflect.Array:
		d.elements(v)
	case reflect.Slice:
		if d.flag() {
			n := d.length()
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			d.elements(v)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			d.value(v.Field(i))
		}
	case reflect.Map:
		d.entries(v)
	case reflect.Pointer:
		d.pointer(v)
	default:
		d.fail(fmt.Errorf("a %s cannot be read", v.Type()))
	}
}

func (d *decoder) elements(v reflect.Value) {
	for i := 0; i < v.Len() && d.err == nil; i++ {
		d.value(v.Index(i))
	}
}

func (d *decoder) entries(v reflect.Value) {
	if !d.flag() {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for n := d.length(); n > 0 && d.err == nil; n-- {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		d.value(key)
		d.value(value)
		v.SetMapIndex(key, value)
	}
}

func (d *decoder) pointer(v reflect.Value) {
	if !d.flag() {
		return
	}
	switch v.Type() {
	case configType:
		v.Set(reflect.ValueOf(d.cfg))
	case serviceType:
		at := d.uint()
		if at >= uint64(len(d.cfg.Services)) {
			d.fail(errors.New("it names a service that its file has not got"))
			return
		}
		v.Set(reflect.ValueOf(&d.cfg.Services[at]))
	default:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(v.Elem())
	}
}
