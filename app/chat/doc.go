// Package chat is the main page of the window: a conversation, its answers while they are written, and the entry for the next
// message.
//
//	Screen ─ Header      title · model · context meter · offline
//	       ├ Thread      messages and answers, or a text for an empty page
//	       ├ panels      imports that are under way, notices of what went wrong
//	       └ Composer    text · microphone · Send or Stop
//	Runner               the chosen model, and the answers that it and others write
//
// The Runner has no widgets, and the Screen has no model; tests use a Runner with scripted models. Only the UI goroutine uses a
// Screen: other goroutines reach it through Window.Post.
package chat
