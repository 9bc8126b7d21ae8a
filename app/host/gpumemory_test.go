//go:build linux && cgo

package host

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/models/registry"
)

// withMemory returns a host for which every GPU has so much memory, of which so much is free.
func withMemory(t *testing.T, o Options, memory, free int64) *Host {
	t.Helper()
	h := hostOf(t, o)
	list, err := listed(t.Context(), o.Helper)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].MemoryBytes, list[i].FreeBytes = memory, free
	}
	h.gpus.list, h.gpus.listed = list, true
	t.Setenv(freeVariable, strconv.FormatInt(free, 10))
	return h
}

// TestGPUMemory checks that a model takes no memory of a GPU that another one of the program may come to use, or that other programs hold, that an idle chat
// model makes room for another, and that closed models leave theirs.
func TestGPUMemory(t *testing.T) {
	o, said := withGPU(t, "")
	var all [4]registry.Entry
	for i := range all {
		all[i] = resolve(t, tiny.New("llama4").Write(t))
	}
	s := Settings{Threads: 2, Context: 256}
	f, err := registry.Read(all[0].Path())
	if err != nil {
		t.Fatal(err)
	}
	planned := func(choice GPUChoice) placement {
		p, err := placedChat(all[0], f, Settings{Context: s.Context, GPU: GPUUse{Choice: choice}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		tried(t, all[0], false, p)
		return p
	}
	whole, two := planned(GPUAuto), planned("2")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	memory := int64(float64(whole.bytes+two.bytes)/memoryShare) + 16
	open := func(h *Host, e registry.Entry, want string) *Lease[*engine.Model] {
		t.Helper()
		l, err := Chats(h).Acquire(context.Background(), e, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if device := l.Model.Info().Device; onGPU(device) != (want != "cpu") || strings.Contains(device, " of ") != strings.Contains(want, " of ") || !strings.HasPrefix(device, strings.TrimSuffix(want, "cpu")) {
			t.Errorf("it is on %s, expected %q", device, want)
		}
		return l
	}
	h := withMemory(t, o, memory, 0)
	first := open(h, all[0], "")
	second := open(h, all[1], "2 of 5 layers on ")
	third := open(h, all[2], "cpu")
	first.Release()
	second.Release()
	third.Release()
	open(h, all[3], "").Release()
	if err := h.Remove(t.Context(), all[0]); err != nil || len(h.Loaded()) != 3 {
		t.Errorf("%v; opened are %+v", err, h.Loaded())
	}
	for _, e := range all {
		if err := h.Remove(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	if len(h.gpus.claims.all) > 0 {
		t.Errorf("claimed: %+v", h.gpus.claims.all)
	}
	unit := memory * 4 / memoryUnits
	h = withMemory(t, o, memory*4, memory*4)
	first = open(h, all[0], "")
	growth := int64(0)
	for c := range h.gpus.claims.all {
		growth += c.planned - c.loaded
	}
	for units, want := range map[int64]string{1: "cpu", 3: ""} { // other programs have the rest
		t.Setenv(freeVariable, strconv.FormatInt(growth+(units+1)*unit, 10))
		open(h, all[units], want).Release()
	}
	first.Release()
	if unit > whole.bytes || 3*unit < whole.bytes || len(said()) > 0 {
		t.Error(unit, whole.bytes, said())
	}
}
