package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"soberano/app/host"
	"soberano/engine/arch/tiny"
	"soberano/models/registry"
)

// checkedGPUs records that the self-check of the software driver has passed for a program, since it takes minutes there. It returns the number of GPUs.
func checkedGPUs(t *testing.T, program, home string) int {
	t.Helper()
	out, err := exec.Command(program, host.HelperVerb, "list").Output()
	var list []host.GPU
	if err == nil {
		err = json.Unmarshal(out, &list)
	}
	st, failed := os.Stat(program)
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	drivers := map[string]any{}
	for _, g := range list {
		drivers[fmt.Sprintf("%s | %s | %d-%d", g.Renderer, g.Version, st.Size(), st.ModTime().UnixNano())] = struct{}{}
	}
	b, err := json.Marshal(map[string]any{"drivers": drivers})
	if err == nil {
		err = os.MkdirAll(home, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(home, "gpu.json"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// gpuHelpers returns the helper processes of a process that run the device of a GPU.
func gpuHelpers(parent int) (list []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		if !strings.Contains(content(path), host.HelperVerb+"\x00serve") {
			continue
		}
		fields := strings.Fields(content(filepath.Join(filepath.Dir(path), "stat")))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && len(fields) > 3 && fields[3] == strconv.Itoa(parent) {
			list = append(list, pid)
		}
	}
	return list
}

// besideTheGPU starts a desktop on which the program uses the software driver of OpenGL, with a model in the library at home. Without such a driver the test is skipped.
func besideTheGPU(t *testing.T, model string, how registry.How) (d *desktop, home string) {
	t.Helper()
	d = startDesktop(t)
	home = filepath.Join(d.dir, "data")
	d.env = append(d.env, "SOBERANO_GPU_SOFTWARE=1")
	if checkedGPUs(t, program(t, "soberano"), home) == 0 {
		t.Skip("no software driver of OpenGL")
	}
	lib, err := registry.Open(home, host.Check)
	if err == nil {
		_, err = lib.Import(t.Context(), model, how, registry.ImportOptions{}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d, home
}

// TestBesideTheGPU checks that the window never waits for the GPU: while the helper process, which computes an answer, is stopped, what is typed is
// taken, drawn and stored; the answer comes when the helper goes on.
func TestBesideTheGPU(t *testing.T) {
	d, home := besideTheGPU(t, tiny.New("llama").Write(t), registry.Copy)
	s := d.start(home, "gpu.log")
	var helpers []int
	d.until("the model to be on the GPU", func() bool {
		helpers = gpuHelpers(s.cmd.Process.Pid)
		return len(helpers) == 1 && strings.Contains(content(filepath.Join(home, "gpu.json")), `"title"`) // it was tried
	})
	time.Sleep(time.Second)
	if err := syscall.Kill(helpers[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	d.text("abc")
	d.key("Return")
	d.until("the question to be stored", func() bool { return len(messages(t, home)) > 0 })
	time.Sleep(time.Second) // the answer is under way
	before, began := s.thread(), time.Now()
	d.text("meanwhile")
	d.until("the draft", func() bool { return draft(t, home) == "meanwhile" })
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("typing took %v", took)
	}
	s.at(middle)
	d.key("Page_Up")
	if len(answers(t, home)) > 0 {
		t.Error("there is an answer although the helper is stopped: it is not on the GPU")
	}
	if err := syscall.Kill(helpers[0], syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	d.until("the answer", func() bool { return len(answers(t, home)) == 1 })
	d.until("the answer in the window", func() bool { return s.thread() != before })
	if now := gpuHelpers(s.cmd.Process.Pid); len(now) != 1 || now[0] != helpers[0] {
		t.Errorf("the helper was %v, now %v", helpers, now)
	}
	s.quit()
	d.until("the helper to end", func() bool { return len(gpuHelpers(s.cmd.Process.Pid)) == 0 })
}
