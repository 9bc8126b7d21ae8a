package serve

import (
	"errors"
	"testing"
)

// FuzzRequests decodes any body as each dialect's requests: it gives a request, or a failure that is told to the client.
func FuzzRequests(f *testing.F) {
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"` + smallImage + `"}}]}],"stop":["a"],"tools":[` + weatherTool + `],"tool_choice":{"type":"function","function":{"name":"f"}}}`))
	f.Add([]byte(`{"prompt":[[1,2],[3]],"n":2,"echo":true}`))
	f.Add([]byte(`{"prompt":"a","stop":null,"seed":-1}`))
	f.Add([]byte(`{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"x"}]}],"system":"s","thinking":{"type":"enabled","budget_tokens":-1}}`))
	f.Add([]byte(`{"input":[{"type":"function_call","arguments":"{}"},{"role":"user","content":[{"type":"input_image","image_url":"x"}]}],"text":{"format":{"type":"json_object"}}}`))
	f.Add([]byte(`{"inputs":"a","parameters":{"grammar":{"type":"json","value":{}},"best_of":2,"do_sample":true}}`))
	f.Add([]byte(`{"messages":[{"role":"tool","images":["AA=="]}],"format":{},"think":"high","options":{"num_predict":-2,"stop":"a"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range orders {
			if err := kind(body); err != nil {
				if _, ok := errors.AsType[*failure](err); !ok {
					t.Errorf("%q: %v", body, err)
				}
			}
		}
	})
}

// orders decode a body as the request of a route, and return what is wrong with it.
var orders = []func([]byte) error{
	func(body []byte) error {
		var r chatRequest
		if err := decode(body, &r); err != nil {
			return err
		}
		_, err := r.order()
		return err
	},
	func(body []byte) error {
		var r completionRequest
		if err := decode(body, &r); err != nil {
			return err
		}
		_, err := r.orders()
		return err
	},
	func(body []byte) error {
		var r tgiRequest
		if err := decode(body, &r); err != nil {
			return err
		}
		_, err := r.order(false)
		return err
	},
	func(body []byte) error {
		var r embedRequest
		if err := decode(body, &r); err != nil {
			return err
		}
		return r.check()
	},
	func(body []byte) error { return decode(body, &rerankRequest{}) },
	func(body []byte) error {
		var r anthropicRequest
		if err := decode(body, &r); err != nil {
			return err
		}
		_, err := r.order()
		return err
	},
	func(body []byte) error {
		var r responsesRequest
		if err := decode(body, &r); err != nil {
			return err
		}
		_, err := r.order()
		return err
	},
	func(body []byte) error {
		var r ollamaChat
		if err := decode(body, &r); err != nil {
			return err
		}
		_, err := r.order()
		return err
	},
	func(body []byte) error {
		var r ollamaGenerate
		if err := decode(body, &r); err != nil {
			return err
		}
		_, err := r.order()
		return err
	},
}
