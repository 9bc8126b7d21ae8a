// Package serve answers HTTP requests of programs on the same machine with the models of this process. It uses net/http alone, and
// opens no model itself: the program hands it Models.
//
//	connection ─ guard (Host, Origin, key, limits) ─ route ─ dialect: its JSON, checked
//	               ─ generation: one internal form ─ Models.Chat (a lease) ─ engine.Generate (the queue) ─ dialect: events, or one object
//
// A dialect is the form of a known interface: OpenAI, Anthropic, Ollama, text-generation-inference. Each has files and wire types of its
// own. A request may have only fields that its wire type lists; a field that is known but can't be followed is refused by its name, so
// that nothing that changes the answer is ignored.
package serve
