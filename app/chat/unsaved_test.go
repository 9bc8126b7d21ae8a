package chat

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
)

// What to do about an error of the store is said once.
func TestUnsavedWords(t *testing.T) {
	for err, want := range map[error]string{
		fmt.Errorf("store: %w", syscall.ENOSPC): "The disk is full. Free some space.",
		errors.New("store: locked"):             "Locked. Check the free space and the permissions of the folder, then try again.",
	} {
		if got := unsavedWords(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
