//go:build (linux || windows) && cgo

package gl

import (
	"math"

	"soberano/kernels"
)

// uploads and nothing stand for the buffer of the step's words, whose number is known only when all words are, and for a binding
// that the shader does not read.
var (
	uploads = &buffer{id: math.MaxUint32}
	nothing = &buffer{id: math.MaxUint32 - 1}
)

// resolve replaces the numbers of uploads and nothing in the commands.
func (s *step) resolve() {
	if s.err != nil {
		return
	}
	up := s.d.up.id
	for i := range s.commands {
		c := &s.commands[i]
		for j, b := range c.buffers[:c.count] {
			if b >= nothing.id {
				c.buffers[j] = up
			}
		}
	}
}

// groups is the number of work groups of a dispatch.
type groups [3]int

// mostGroups is the number of work groups of one axis that every driver allows.
const mostGroups = 65535

// over returns the groups for a kernel that walks over n values with a loop.
func over(n int) groups { return groups{min((n+local-1)/local, 1<<14), 1, 1} }

// weigh adds the multiplications of the next dispatch to those since the driver could give the card to other programs. If they
// exceed the bound, it can do so before this dispatch.
func (s *step) weigh(work float64) {
	s.total += work
	if s.work += work; s.work > s.d.bound() && len(s.commands) > 0 {
		s.commands[len(s.commands)-1].flush = 1
		s.work = work
	}
}

// run records a dispatch of p. A dispatch of no groups is none.
func (s *step) run(p program, g groups, buffers []*buffer, param ...int) {
	if s.err != nil || g[0] == 0 || g[1] == 0 || g[2] == 0 {
		return
	}
	id, err := s.d.gpu.compiled(p)
	if err != nil {
		s.fail(err)
		return
	}
	c := command{kind: dispatch, program: id, count: uint32(len(buffers)), params: uint32(len(param))}
	for i, n := range g {
		c.groups[i] = uint32(n)
	}
	for i, b := range buffers {
		c.buffers[i] = b.id
	}
	for i, v := range param {
		c.param[i] = int32(v)
	}
	s.commands = append(s.commands, c)
}

// copyWords records a copy of n words.
func (s *step) copyWords(dst *buffer, to int, src *buffer, from, n int) {
	if s.err == nil {
		s.commands = append(s.commands, command{kind: copyWords, count: 2, buffers: [8]uint32{dst.id, src.id},
			param: [mostParams]int32{int32(to), int32(from), int32(n)}})
	}
}

// clearWords records that n words become zero.
func (s *step) clearWords(dst *buffer, to, n int) {
	if s.err == nil {
		s.commands = append(s.commands, command{kind: clearWords, count: 1, buffers: [8]uint32{dst.id},
			param: [mostParams]int32{int32(to), 0, int32(n)}})
	}
}

// bufferOf returns the memory of a tensor.
func bufferOf(t *kernels.Tensor) *buffer {
	if b, ok := t.Buffer.(*buffer); ok {
		return b
	}
	return nothing
}

// bits returns a float32 parameter of a shader.
func bits(x float32) int { return int(int32(math.Float32bits(x))) }

// flag returns 1 for true.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// vectorOf returns the buffer of a vector that may be nil.
func vectorOf(v *vector) *buffer {
	if v == nil {
		return nothing
	}
	return v.b
}

// table appends numbers to the words that the step uploads and returns the place of the first.
func (s *step) table(numbers ...int) int {
	at := len(s.words)
	for _, n := range numbers {
		s.words = append(s.words, uint32(int32(n)))
	}
	return at
}
