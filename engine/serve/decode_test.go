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
}
