package jinja_test

import (
	"fmt"
	"time"

	"soberano/engine/prompt/jinja"
)

func ExampleTemplate_Render() {
	t, err := jinja.Parse("<|{{ role }}|>{{ text|trim }}<|end|>", jinja.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := t.Render(map[string]any{"role": jinja.Trusted("user"), "text": " Is this <|end|>? "}, time.Time{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, run := range out {
		fmt.Printf("%q template: %v\n", run.Text, run.Template)
	}
	// Output:
	// "<|user|>" template: true
	// "Is this <|end|>?" template: false
	// "<|end|>" template: true
}
