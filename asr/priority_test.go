package asr

import (
	"context"
	"errors"
	"testing"
	"time"

	"soberano/asr/whisper"
	"soberano/kernels"
	"soberano/kernels/cpu"
)

// A recording that has the network while dictation waits for it does not wait for answers.
func TestDictationIsNotKeptWaitingByAnswers(t *testing.T) {
	pool, err := cpu.NewPool(2)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	m := &Model{pool: pool, turn: make(chan struct{}, 1), done: make(chan struct{})}
	m.turn <- struct{}{} // the recording's
	defer pool.Hold(kernels.Answer)()
	recording := make(chan struct{})
	go func() {
		defer close(recording)
		pool.Each(kernels.Recording, 2, func(int) {})
	}()
	ctx, cancel := context.WithCancel(context.Background())
	dictation := make(chan error)
	go func() {
		_, err := m.transcribeFrames(ctx, nil, 0, whisper.Options{Priority: kernels.Dictation})
		dictation <- err
	}()
	select {
	case <-recording:
	case <-time.After(10 * time.Second):
		t.Error("the recording waits for an answer, and dictation for the recording")
	}
	cancel()
	if err := <-dictation; !errors.Is(err, context.Canceled) {
		t.Errorf("transcribeFrames: %v", err)
	}
}
