// Package reply takes apart what a language model writes: its thoughts, its answer, and its calls of tools.
//
//	<think>\nRain…\n</think>\n\nI look it up. <tool_call>{"name": "weather", …}</tool_call>
//	└ Thinking "Rain…"         └ Text "I look …"└ Calls weather(…)
//
// Each family of models marks these parts in its own way; the tables of format.go list them. A Splitter reads
// the text as it arrives. Whatever does not parse stays text, so nothing of an answer is lost.
package reply
