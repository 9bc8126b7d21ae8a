// Package vision prepares images for models that see: it scales them, divides them into tiles and normalises their values. What
// each kind of projector does is in the table of engine/arch; this package knows only pixels.
package vision
