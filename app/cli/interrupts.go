package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interrupts handles Ctrl+C. Usually it ends the command's context, and a second one ends the process; a command may handle it
// otherwise for a while.
type interrupts struct {
	mu      sync.Mutex
	handler func() bool
}

// interruptsKey is the key of a context's *interrupts.
type interruptsKey struct{}

// withInterrupts returns a context that ends with an interrupt, unless a handler takes it, and with SIGTERM. Release ends the
// handling of signals.
func withInterrupts() (ctx context.Context, cancel, release func()) {
	in := &interrupts{}
	ctx, cancel = context.WithCancel(context.WithValue(context.Background(), interruptsKey{}, in))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for {
			select {
			case s := <-signals:
				if s != os.Interrupt || !in.handle() {
					signal.Stop(signals) // the next signal ends a command that does not observe ctx
					cancel()
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel, func() {
		signal.Stop(signals)
		cancel()
	}
}

// handle gives an interrupt to the handler, and reports whether it took it.
func (in *interrupts) handle() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.handler != nil && in.handler()
}

func (in *interrupts) set(handler func() bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.handler = handler
}

// interruptible returns a context that the next interrupt ends instead of ctx. Release restores the usual handling.
func interruptible(ctx context.Context) (part context.Context, release func()) {
	part, cancel := context.WithCancel(ctx)
	in, ok := ctx.Value(interruptsKey{}).(*interrupts)
	if !ok {
		return part, cancel
	}
	in.set(func() bool {
		first := part.Err() == nil
		cancel()
		return first
	})
	return part, func() {
		in.set(nil)
		cancel()
	}
}
