package cli

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"github.com/spf13/pflag"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/engine/sample"
)

// TestForm checks that answers have the form of the flags, and that a form which can't be followed is wrong usage.
func TestForm(t *testing.T) {
	home(t)
	model := tiny.New("llama").Write(t)
	schema := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(schema, []byte(`{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}`), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "yes.gbnf")
	if err := os.WriteFile(file, []byte(`root ::= "yes" | "no"`), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		`\{\s*"a":\s*-?\d+\s*\}`: {"--json-schema", schema},
		`(true|false)`:           {"--json-schema", `{"type": "boolean"}`},
		`(yes|no)`:               {"--grammar", file},
		`[a-c]{4}`:               {"--regex", "[a-c]{4}"},
		`(red|blue)`:             {"--choice", "red", "--choice", "blue"},
	} {
		out, code := verb(t, "", append([]string{"chat", "-m", model, "-p", "x", "--temp", "2", "--seed", "3", "-n", "100", "--json"}, args...)...)
		var a chatAnswer
		if code != 0 {
			t.Fatalf("%q: exit code %d", args, code)
		}
		decode(t, out, &a)
		if !regexp.MustCompile("^"+want+"$").MatchString(a.Text) || a.Reason != engine.Ended {
			t.Errorf("%q: %q (%s)", args, a.Text, a.Reason)
		}
	}
	out, code := verb(t, "", "chat", "-m", model, "-p", "x", "--regex", "a{90}", "-n", "3", "--json")
	var a chatAnswer
	if decode(t, out, &a); code != 0 || a.Reason != engine.Length {
		t.Errorf("a cut answer: %+v, exit code %d", a, code)
	}
	for _, args := range [][]string{{"--json-schema", `{"not": {}}`}, {"--regex", "("}, {"--regex", "a", "--choice", "b"}, {"--regex", ""}, {"--grammar", schema}, {"--samplers", "magic"}, {"--logit-bias", "5"}, {"--top-p", "2"}} {
		if _, code := verb(t, "", append([]string{"chat", "-m", model, "-p", "x"}, args...)...); code != 2 {
			t.Errorf("%q: exit code %d, expected 2", args, code)
		}
	}
	if _, code := verb(t, "", "chat", "-m", model, "-p", "x", "--grammar", "no.gbnf"); code != 1 {
		t.Errorf("a file that is not there: exit code %d", code)
	}
}

// TestSamplerFlags checks that every flag reaches its parameter, and that the model's own parameters stay where no flag is given.
func TestSamplerFlags(t *testing.T) {
	own := sample.Params{Temperature: 0.7, TopK: 20, Repeat: 1.1}
	for _, c := range []struct {
		args []string
		want sample.Params
	}{
		{nil, own},
		{[]string{"--temp", "0"}, sample.Params{TopK: 20, Repeat: 1.1}},
		{[]string{"--temp=1", "--dynatemp-range=0.5", "--dynatemp-exp=2", "--top-k=0", "--top-p=0.9", "--min-p=0.1", "--typical=0.8", "--top-nsigma=2", "--xtc-probability=0.5", "--xtc-threshold=0.2",
			"--repeat-penalty=1.2", "--repeat-last-n=-1", "--frequency-penalty=0.1", "--presence-penalty=-0.1", "--dry-multiplier=0.8", "--dry-base=1.5", "--dry-allowed-length=3", "--dry-penalty-last-n=100",
			"--dry-sequence-breaker=x", "--mirostat=2", "--mirostat-ent=4", "--mirostat-lr=0.2", "--samplers=temp;top_k", "--logit-bias=5+1", "--logit-bias=6-inf"},
			sample.Params{Temperature: 1, Range: 0.5, Exponent: 2, TopP: 0.9, MinP: 0.1, Typical: 0.8, TopNSigma: 2, XTCProbability: 0.5, XTCThreshold: 0.2, Repeat: 1.2, Last: -1, Frequency: 0.1, Presence: -0.1,
				DRYMultiplier: 0.8, DRYBase: 1.5, DRYAllowed: 3, DRYLast: 100, DRYBreakers: []string{"x"}, Mirostat: 2, MirostatTau: 4, MirostatEta: 0.2,
				Order: []sample.Stage{sample.StageTemperature, sample.StageTopK}, Bias: map[int32]float32{5: 1, 6: float32(math.Inf(-1))}}},
		{[]string{"--repeat-last-n=0", "--dry-multiplier=1", "--dry-penalty-last-n=0", "--dry-sequence-breaker=none"}, sample.Params{Temperature: 0.7, TopK: 20, DRYBreakers: []string{}}},
	} {
		var f samplerFlags
		fs := pflag.NewFlagSet("", pflag.ContinueOnError)
		f.add(fs)
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		got, err := f.over(own, fs)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			g, _ := json.Marshal(got.Order)
			t.Errorf("%q: %+v %s, expected %+v, %v", c.args, got, g, c.want, err)
		}
	}
}
