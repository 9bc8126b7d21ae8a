//go:build unix

package host

import (
	"context"
	"errors"
	"os"
	"testing"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/models"
	"soberano/models/registry"
)

// A model's file that is cut short during an answer ends the answer with an error that names it, and the model is closed. Opening it
// again says what is wrong.
func TestFileCutDuringAnAnswer(t *testing.T) {
	t.Setenv("SOBERANO_PACKED", "off")
	path := tiny.New("llama").Write(t)
	e := resolve(t, path)
	h := hostOf(t, Options{})
	l, err := Chats(h).Acquire(context.Background(), e, Settings{Threads: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err = generate(context.Background(), l, "abc", 5, func(engine.Piece) {})
	var f *models.FileError
	if !errors.As(err, &f) || f.Path != path {
		t.Errorf("the answer ended with %v", err)
	}
	l.Release()
	until(t, "the model is closed", func() bool { return len(h.Loaded()) == 0 })
	if _, err := Chats(h).Acquire(context.Background(), e, Settings{Threads: 2}, nil); !errors.As(err, &f) {
		t.Errorf("opening it again: %v", err)
	}
}

// A file that is cut short while it is opened is an error.
func TestFileCutWhileOpening(t *testing.T) {
	path := tiny.New("llama").Write(t)
	e := resolve(t, path)
	h := hostOf(t, Options{})
	chats := NewModels(h, func(context.Context, registry.Entry, Settings, func(float64)) (*engine.Model, error) {
		data, release, err := models.Map(path)
		if err == nil {
			err = os.Truncate(path, 0)
		}
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, release()) }()
		return nil, errors.New(string(data))
	}, nil)
	_, err := chats.Acquire(context.Background(), e, Settings{}, nil)
	var f *models.FileError
	if !errors.As(err, &f) || f.Path != path {
		t.Errorf("%v", err)
	}
}
