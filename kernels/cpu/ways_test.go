package cpu

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// fakeContest is a contest whose clock advances only when a way is called.
func fakeContest() (*contest, *time.Duration) {
	var now time.Duration
	return &contest{pool: newPool(generic, 1), turn: newTurn(kernels.Recording), now: func() time.Duration { return now }, margin: margin}, &now
}

// TestThreshold checks which sizes are chosen when the costs of two ways are known.
func TestThreshold(t *testing.T) {
	sizes := []int{8, 12, 16, 24, 32}
	for name, c := range map[string]struct {
		once, each, small float64 // µs: large costs once + each·size, small costs small·size
		usual, want       int
	}{
		"the usual size":             {12, 1, 1.8, 16, 16},
		"smaller":                    {5, 1, 1.8, 16, 8},
		"larger":                     {16, 1, 1.8, 16, 24},
		"never":                      {1, 1, 0.5, 16, never},
		"ways that are equally fast": {0, 1, 1, 16, 16},
		"within the margin":          {0, 1, 0.97, 16, 16},
		"used for all":               {0, 1, 2, 0, 0},
		"not for all":                {16, 1, 1.8, 0, 24},
	} {
		x, now := fakeContest()
		spend := func(µs float64) func() { return func() { *now += time.Duration(µs * 1000) } }
		got := x.threshold(sizes, c.usual, func(n int) (small, large func()) {
			return spend(c.small * float64(n)), spend(c.once + c.each*float64(n))
		})
		if got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}
}

// TestFasterDespiteNoise checks that interrupted measurements change no choice.
func TestFasterDespiteNoise(t *testing.T) {
	for _, every := range []int{7, 50, 100} {
		c, now := fakeContest()
		calls := 0
		spend := func(µs time.Duration) func() {
			return func() {
				*now += µs * time.Microsecond
				if calls++; calls%every == 0 {
					*now += 500 * time.Microsecond // another program runs
				}
			}
		}
		if c.faster(spend(10), spend(10)) {
			t.Errorf("every %d: one of two equal ways is clearly faster", every)
		}
		if every > 7 && !c.faster(spend(10), spend(13)) {
			t.Errorf("every %d: the faster way was not found", every)
		}
	}
}

// TestFasterEnds checks that a contest which was ended measures nothing and chooses nothing.
func TestFasterEnds(t *testing.T) {
	c, _ := fakeContest()
	quit := make(chan struct{})
	close(quit)
	c.quit = quit
	call := func() { t.Fatal("a way was timed") }
	if c.faster(call, call) {
		t.Error("a way was chosen")
	}
	if w := measuredWays(c, *defaultWays(), []kind{q4s32}, true); w != nil {
		t.Error("there are results")
	}
}

// TestWaysKeepBits checks that products and operations on rows have the same bits whatever the ways.
func TestWaysKeepBits(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		if lv == generic {
			t.Skip("it has one way")
		}
		r := devicetest.Rand()
		for _, ty := range []quant.Type{quant.Q2_K, quant.Q3_K, quant.Q4_0, quant.Q4_K, quant.Q5_0, quant.Q5_K, quant.Q6_K, quant.Q8_0, quant.IQ4_NL, quant.TQ2_0} {
			d := withOptions(t, lv, Options{Threads: 2})
			const rows, cols, most = 72, 512, 50
			m, err := d.Load(devicetest.RandomWeights(r, ty, rows, cols), devicetest.RandomWeights(r, ty, rows, cols))
			if err != nil {
				t.Fatal(err)
			}
			x, weight := devicetest.Gauss(r, most*cols), vectorOf(t, d, devicetest.Gauss(r, cols))
			for _, n := range []int{1, 7, 17, most} {
				run := func(w ways) []float32 {
					w.update()
					d.ways.Store(&w)
					st := begin(d, nil)
					a := tensorOf(st, x[:n*cols], n, cols)
					y, g := st.New(n, 2*rows), st.New(n, rows)
					st.RMSNorm(a, a, weight, 1e-5)
					st.MatMul(y, a, m)
					st.MatMulGated(g, a, m, kernels.SiLU)
					st.Mul(y.Slice(0, rows), g)
					return flat(y)
				}
				want := run(*defaultWays())
				for _, size := range []int{6, 24, never} {
					w := *defaultWays()
					for k := range w.many {
						w.many[k] = size
					}
					w.rows, w.short = size, size
					if got := run(w); !slices.EqualFunc(got, want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
						t.Fatalf("%v, %d rows: other bits from %d on", ty, n, size)
					}
				}
			}
		}
	})
}

// TestWaysFile checks that measured ways are kept, and that any other file is not used and written anew.
func TestWaysFile(t *testing.T) {
	dir := t.TempDir()
	f := waysIn(dir, avx2, 2)
	w := defaultWays()
	w.many[q4a32], w.known[q4a32] = 24, true
	w.many[q8s32], w.known[q8s32] = never, true
	w.rows, w.pool = 8<<10, true
	w.update()
	if err := f.write(w); err != nil {
		t.Fatal(err)
	}
	if got, err := f.read(); err != nil || *got != *w {
		t.Fatalf("%+v, %v", got, err)
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	change := func(old, other string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in\n%s", old, text)
		}
		return strings.Replace(text, old, other, 1)
	}
	for name, bad := range map[string]string{
		"empty":              "",
		"cut":                text[:len(text)/2],
		"binary":             "\x00\xff\x80",
		"another version":    change(`"version": 1`, `"version": 0`),
		"another CPU":        change(`"cpu": "`, `"cpu": "x`),
		"another program":    change(`"program": "`, `"program": "x`),
		"another level":      change(`"avx2"`, `"avx512"`),
		"other threads":      change(`"threads": 2`, `"threads": 3`),
		"an unknown field":   change(`"rows"`, `"columns"`),
		"an unknown layout":  change(`"q4a32"`, `"q4x32"`),
		"a layout of floats": change(`"q4a32"`, `"f16"`),
		"a size of none":     change(`24`, `0`),
		"a negative size":    change(`24`, `-24`),
		"a size of text":     change(`24`, `"24"`),
		"other rows":         change(`8192`, `8193`),
		"two values":         text + text,
	} {
		if err := os.WriteFile(f.path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.read(); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := waysIn(dir, avx2, 3).read(); err == nil {
		t.Error("a file of another number of threads was used")
	}
	if err := waysIn("", avx2, 2).write(w); err != nil {
		t.Error(err)
	}
}

// TestMeasuredWays checks with the real clock that the first device with a folder measures its ways and keeps them, that the next one
// uses them without measuring, and that a damaged file is replaced.
func TestMeasuredWays(t *testing.T) {
	folder := newPackedFolder(t)
	w := devicetest.RandomWeights(devicetest.Rand(), quant.Q4_K, 64, 256)
	load := func() *device {
		d := folder.open(t)
		if _, err := d.Load(w); err != nil {
			t.Fatal(err)
		}
		if err := d.Loaded(); err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := load()
	found := *first.ways.Load()
	if !found.pool || found.known[q4a32] != hasMTile(first.lv) {
		t.Fatalf("not measured: %+v", found)
	}
	closed(t, first)
	path := filepath.Join(folder.packed.Dir, first.lv.String()+"-2"+waysExt)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if list := Choices(folder.packed.Dir); len(list) < 2 || list[0].Threads != 2 {
		t.Errorf("choices: %+v", list)
	}

	second := load()
	if list, pool := second.missing(); *second.ways.Load() != found || len(list) > 0 || pool {
		t.Error("the second device does not use what the first one has measured")
	}
	closed(t, second)

	if err := os.WriteFile(path, before[:20], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(folder.file(t)); err != nil { // so that the weights are repacked, and the choices measured before Loaded returns
		t.Fatal(err)
	}
	third := load()
	defer closed(t, third)
	if !third.ways.Load().pool {
		t.Error("nothing was measured in place of a damaged file")
	}
	if _, err := third.waysFile().read(); err != nil {
		t.Error(err)
	}
}

// TestWaysInBackground checks that a device which found its weights repacked but no choices measures these in the background, and that
// closing it ends that.
func TestWaysInBackground(t *testing.T) {
	folder := newPackedFolder(t)
	w := devicetest.RandomWeights(devicetest.Rand(), quant.Q8_0, 64, 256)
	for _, quiet := range []time.Duration{0, time.Hour, 0} {
		d := folder.open(t)
		d.quiet = quiet
		if _, err := d.Load(w); err != nil {
			t.Fatal(err)
		}
		if err := d.Loaded(); err != nil {
			t.Fatal(err)
		}
		if quiet == 0 {
			d.file.busy.Wait()
		}
		measured, path := d.ways.Load().pool, d.waysFile().path
		closed(t, d)
		if _, err := os.Stat(path); measured != (quiet == 0) || measured != (err == nil) {
			t.Errorf("after %v of quiet: measured: %v, file: %v", quiet, measured, err)
		}
		_ = os.Remove(path)
	}
}

func closed(t *testing.T, d *device) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
