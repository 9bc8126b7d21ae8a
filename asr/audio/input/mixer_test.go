package input

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const hz = 16000

// voice returns bursts of noise of a level, half a second long with pauses as long, which begin after
// so many seconds.
func voice(seed uint64, seconds, start, level float64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, int(seconds*hz))
	for i := range x {
		if t := float64(i)/hz - start; t >= 0 && math.Mod(t, 1) < 0.5 {
			x[i] = float32(level * (2*r.Float64() - 1))
		}
	}
	return x
}

func scaled(x []float32, f float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = f * v
	}
	return y
}

func rms(x []float32) float64 { return math.Sqrt(dot(x, x) / float64(len(x))) }

// TestMixer checks the volume of the mix against that of the voice in it.
func TestMixer(t *testing.T) {
	a := voice(1, 6, 0, 0.2)
	zeros := make([]float32, len(a))
	late := voice(2, 6, 2, 0.2)
	for name, c := range map[string]struct {
		channels [][]float32
		at, want float64 // the share of the file from which on the volume is compared, and with what
	}{
		"the same":             {[][]float32{a, a}, 0, rms(a)},
		"one alone":            {[][]float32{a}, 0, rms(a)},
		"right silent":         {[][]float32{a, zeros}, 0, rms(a)},
		"left silent":          {[][]float32{zeros, a}, 0, rms(a)},
		"opposite":             {[][]float32{a, scaled(a, -1)}, 0, rms(a)},
		"opposite and softer":  {[][]float32{scaled(a, -0.6), a}, 0, 0.8 * rms(a)},
		"one of four opposite": {[][]float32{a, a, scaled(a, -1), zeros}, 0, rms(a)},
	} {
		m := NewMixer(len(c.channels), hz)
		got := rms(m.Mix(c.channels))
		if got < 0.98*c.want || got > 1.02*c.want {
			t.Errorf("%s: volume %.4f, want %.4f", name, got, c.want)
		}
	}
	// The far side of a call is not lost, however loud the near side was.
	far := scaled(voice(3, 6, 0.5, 0.2), 0.01)
	x := NewMixer(2, hz).Mix([][]float32{a, far})
	pause := func(x []float32) float64 { return rms(x[int(4.55*hz):int(4.95*hz)]) }
	if got, want := pause(x), pause(far)/2; got < 0.98*want {
		t.Errorf("the far side has the volume %.5f, want %.5f", got, want)
	}
	// It is raised above the noise of the near side; noise is not.
	for name, c := range map[string]struct{ channel, want float64 }{"a voice": {0, 8}, "noise": {1, 1}} {
		soft := far
		if c.channel == 1 {
			soft = scaled(voice(5, 6, 0, 0.002)[:hz/2], 1)
			soft = slices.Repeat(soft, 12)
		}
		with, without := NewMixer(2, hz).Mix([][]float32{a, soft}), scaled(a, 0.5)
		for i := range with {
			with[i] -= without[i] // what is left is the soft channel
		}
		if got := rms(with[3*hz:]) / (rms(soft[3*hz:]) / 2); got < 0.9*c.want || got > 3*c.want {
			t.Errorf("%s that is 40 dB softer is raised %.1f times", name, got)
		}
	}
	// A wire that is swapped during the recording.
	swapped := append(append([]float32{}, late[:3*hz]...), scaled(late[3*hz:], -1)...)
	x = NewMixer(2, hz).Mix([][]float32{late, swapped})
	if want, got := rms(late[5*hz:]), rms(x[5*hz:]); got < 0.98*want {
		t.Errorf("after the swap the volume is %.4f, want %.4f", got, want)
	}
}

// TestMixerBounds: the mix of anything is between -1 and 1.
func TestMixerBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 50 {
		channels := make([][]float32, 1+r.IntN(6))
		for c := range channels {
			channels[c] = make([]float32, 3000)
			size := math.Pow(10, -6*r.Float64())
			for i := range channels[c] {
				channels[c][i] = float32(size * (2*r.Float64() - 1))
			}
		}
		m := NewMixer(len(channels), 8000)
		for _, n := range []int{0, 1, 999, 2000} {
			for c := range channels {
				channels[c] = channels[c][:len(channels[c]):len(channels[c])]
			}
			part := make([][]float32, len(channels))
			for c := range part {
				part[c] = channels[c][:n]
			}
			for _, v := range m.Mix(part) {
				if !(v >= -1 && v <= 1) {
					t.Fatalf("sample %v", v)
				}
			}
		}
	}
}
