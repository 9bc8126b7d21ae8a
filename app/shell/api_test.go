package shell

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"soberano/app/settings"
)

// TestLocalAPI checks that the server for other programs is off until it is switched on, answers whoever has the key, ends when it is
// switched off, and that the page says so when its address is taken.
func TestLocalAPI(t *testing.T) {
	s := newStage(t, "", smol)
	if s.api.state() != (settings.API{}) {
		t.Fatalf("%+v", s.api.state())
	}
	switchTo := func(on bool, address string) {
		s.set(func(v *settings.Values) { v.APIAddress = address })
		v := s.values.Values()
		v.API = on
		s.change(v)
	}
	switchTo(true, "127.0.0.1:0")
	s.q.until(t, "the server", func() bool { return s.api.state().URL != "" })
	now := s.api.state()
	ask := func(key string) int {
		r, err := http.NewRequest(http.MethodGet, now.URL+"/v1/models", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := ask(now.Key); got != http.StatusOK || now.Network {
		t.Errorf("%d, %+v", got, now)
	}
	if got := ask("wrong"); got != http.StatusUnauthorized {
		t.Errorf("with a wrong key: %d", got)
	}
	switchTo(false, "127.0.0.1:0")
	s.q.until(t, "the end", func() bool { return s.api.state() == settings.API{} })
	if got := ask(now.Key); got != 0 {
		t.Errorf("it answers on: %d", got)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	switchTo(true, other.Addr().String())
	s.q.until(t, "the failure", func() bool { return strings.Contains(s.api.state().Failed, "another program uses the address") })
	if s.api.state().URL != "" {
		t.Errorf("%+v", s.api.state())
	}
}
