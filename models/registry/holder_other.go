//go:build !linux

package registry

// heldBy returns the error of a library that is locked; this system does not tell by whom.
func heldBy(dir, _ string) error { return &LockedError{Dir: dir} }
