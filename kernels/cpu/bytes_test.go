package cpu

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The .s files contain instructions that Go's assembler does not know, as numbers with
// a comment that has the instruction:
//
//	LONG $0x5065e2c4; BYTE $0xe8 // VPDPBUSD Y0, Y3, Y5             amd64, Go's order (and AT&T's)
//	WORD $0x4f80e020 // sdot v0.4s, v1.16b, v0.4b[0]                arm64, GNU syntax
//
// The test disassembles the numbers with binutils and compares the results with the comments.

// machine is an architecture, described for objdump.
type machine struct {
	arch string // GOARCH
	bfd  string // argument of objdump -m
	tool string // name of the objdump built for it
	slot int    // bytes reserved for an instruction in the flat file
	fill byte   // fills the rest of these bytes
	size map[string]int
}

var machines = []machine{
	{"amd64", "i386:x86-64", "x86_64-linux-gnu-objdump", 32, 0x90, map[string]int{"LONG": 4, "WORD": 2, "BYTE": 1}},
	{"arm64", "aarch64", "aarch64-linux-gnu-objdump", 4, 0, map[string]int{"WORD": 4}},
}

func TestInstructionBytes(t *testing.T) {
	for _, m := range machines {
		t.Run(m.arch, func(t *testing.T) {
			list := m.collect(t)
			if len(list) == 0 {
				t.Fatal("no instruction stands as bytes: has their form changed?")
			}
			found := m.disassemble(t, m.objdump(t), list)
			for i, in := range list {
				if got := found[i*m.slot]; got != plainText(in.comment) {
					t.Errorf("%s: % x is %q", in.where, in.code, got)
				}
			}
		})
	}
}

// numbered is an instruction that is written as numbers.
type numbered struct {
	where, comment string
	code           []byte
}

var directive = regexp.MustCompile(`^(LONG|WORD|BYTE)\s+\$0x([0-9a-fA-F]+)$`)

// collect returns the numbered instructions of the .s files, without duplicates.
func (m *machine) collect(t *testing.T) []numbered {
	files, err := filepath.Glob("*_" + m.arch + ".s")
	if err != nil {
		t.Fatal(err)
	}
	var list []numbered
	seen := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			code, comment, _ := strings.Cut(strings.TrimSpace(line), "//")
			first, _, _ := strings.Cut(code, " ")
			if _, ok := m.size[first]; !ok || seen[line] {
				continue
			}
			seen[line] = true
			where := fmt.Sprintf("%s:%d: %s", name, i+1, strings.TrimSpace(line))
			list = append(list, numbered{where, comment, m.encode(t, where, code)})
		}
	}
	return list
}

// encode converts assembler directives to bytes.
func (m *machine) encode(t *testing.T, where, code string) []byte {
	var out []byte
	for d := range strings.SplitSeq(code, ";") {
		p := directive.FindStringSubmatch(strings.TrimSpace(d))
		if p == nil || m.size[p[1]] == 0 {
			t.Fatalf("%s: not a directive with a number", where)
		}
		v, err := strconv.ParseUint(p[2], 16, 64)
		if err != nil || v>>(8*m.size[p[1]]) != 0 {
			t.Fatalf("%s: the number does not fit (%v)", where, err)
		}
		for i := range m.size[p[1]] {
			out = append(out, byte(v>>(8*i)))
		}
	}
	if len(out) > m.slot {
		t.Fatalf("%s: %d bytes", where, len(out))
	}
	return out
}

// objdump finds a disassembler for m.
func (m *machine) objdump(t *testing.T) string {
	name, _, _ := strings.Cut(m.bfd, ":")
	for _, tool := range []string{"objdump", m.tool} {
		if out, err := exec.Command(tool, "-i").Output(); err == nil && regexp.MustCompile(`(?m)^\s+`+name+`$`).Match(out) {
			return tool
		}
	}
	lacking(t, "objdump for "+m.arch)
	return ""
}

// lacking skips a test because this machine lacks something. If `make test` should have installed it,
// the test fails instead.
func lacking(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "" {
		t.Fatalf("%s is missing: `make test` installs it", what)
	}
	t.Skipf("%s is missing: `make test` installs it", what)
}

var disassembled = regexp.MustCompile(`(?m)^ *([0-9a-f]+):\t(.*)$`)

// disassemble returns the instruction at each offset of the flat file.
func (m *machine) disassemble(t *testing.T, tool string, list []numbered) map[int]string {
	var flat []byte
	for _, in := range list {
		flat = append(flat, in.code...)
		flat = append(flat, bytes.Repeat([]byte{m.fill}, m.slot-len(in.code))...)
	}
	name := filepath.Join(t.TempDir(), "flat")
	if err := os.WriteFile(name, flat, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "-D", "-z", "-w", "--no-show-raw-insn", "-b", "binary", "-m", m.bfd, name).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
	found := map[int]string{}
	for _, p := range disassembled.FindAllStringSubmatch(string(out), -1) {
		at, err := strconv.ParseInt(p[1], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		found[int(at)] = plainText(p[2])
	}
	return found
}

var goVector = regexp.MustCompile(`\b([xyz])([0-9]+)\b`)

// plainText returns an instruction in lower case, without anything that differs between the syntaxes of Go and GNU:
// prefixes of registers, notes and spaces.
func plainText(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(s), "//")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "{vex}", ""), "%", "")
	s = goVector.ReplaceAllString(s, "${1}mm${2}")
	op, operands, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(s, "\t", " ")), " ")
	return op + " " + strings.ReplaceAll(operands, " ", "")
}
