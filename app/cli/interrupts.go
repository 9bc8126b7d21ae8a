package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// interrupts handles Ctrl+C and SIGTERM. Usually they end the command's context, and a second one ends the process; a command may
// handle them otherwise for a while.
type interrupts struct {
	mu      sync.Mutex
	handler func(os.Signal) bool
	cancel  func() // ends the command's context
}

// interruptsKey is the key of a context's *interrupts.
type interruptsKey struct{}

// withInterrupts returns a context that ends with an interrupt or SIGTERM, unless a handler takes it. Release ends the handling of
// signals.
func withInterrupts() (ctx context.Context, cancel, release func()) {
	in := &interrupts{}
	ctx, cancel = context.WithCancel(context.WithValue(context.Background(), interruptsKey{}, in))
	in.cancel = cancel
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for {
			select {
			case s := <-signals:
				if !in.handle(s) {
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

// handle gives a signal to the handler, and reports whether it took it.
func (in *interrupts) handle(s os.Signal) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.handler != nil && in.handler(s)
}

func (in *interrupts) set(handler func(os.Signal) bool) {
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
	in.set(func(s os.Signal) bool {
		if s != os.Interrupt {
			return false
		}
		first := part.Err() == nil
		cancel()
		return first
	})
	return part, func() {
		in.set(nil)
		cancel()
	}
}

// stopTime is how long a command may go on after SIGTERM to keep its work.
const stopTime = 10 * time.Second

// stoppable returns a channel that the next interrupt or SIGTERM closes, after it has called told; a further one ends ctx, and so
// does stopTime after SIGTERM. Release restores the usual handling and, if the channel is closed, ends ctx.
func stoppable(ctx context.Context, told func()) (stop <-chan struct{}, release func()) {
	in, ok := ctx.Value(interruptsKey{}).(*interrupts)
	if !ok {
		return nil, func() {}
	}
	stopped, done := make(chan struct{}), false
	in.set(func(s os.Signal) bool {
		if done {
			return false
		}
		done = true
		told()
		close(stopped)
		if s != os.Interrupt {
			time.AfterFunc(stopTime, in.cancel)
		}
		return true
	})
	return stopped, func() {
		in.set(nil)
		if isClosed(stopped) {
			in.cancel()
		}
	}
}

// isClosed reports whether c is closed; nil never is.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
