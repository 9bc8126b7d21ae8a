package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"soberano/kernels/cpu"
)

// kernelBench is the JSON of `soberano bench --kernels`.
type kernelBench struct {
	CPU   string `json:"cpu"`
	Level string `json:"level"`
	cpu.Shares
}

// benchKernels prints the speed of each kernel as a share of the machine's limits, or with onlyLimits the limits alone.
func benchKernels(ctx context.Context, w io.Writer, threads int, onlyLimits, asJSON bool) error {
	c, err := cpu.Describe()
	if err != nil {
		return err
	}
	var table cpu.Shares
	if onlyLimits {
		table.Peaks, err = cpu.Limits(threads)
	} else {
		table, err = measureKernels(ctx, threads)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(w, kernelBench{c.CPU, c.Level, table})
	}
	fmt.Fprintf(w, "%s, %s\n\n", c.CPU, c.Level)
	return printShares(w, table)
}

// measureKernels measures the kernels, and reports the progress on a terminal.
func measureKernels(ctx context.Context, threads int) (cpu.Shares, error) {
	var said func(kernel, shape string)
	if isTerminal(os.Stderr) {
		said = func(kernel, shape string) { fmt.Fprintf(os.Stderr, "\r\x1b[K%s %s", kernel, shape) }
		defer fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	return cpu.Roofline(ctx, threads, said)
}

// printShares writes two tables: the limits and the kernels.
func printShares(out io.Writer, table cpu.Shares) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "limit\tthreads\trate")
	for _, p := range table.Peaks {
		fmt.Fprintf(w, "%s\t%d\t%.1f %s\n", p.Resource, p.Threads, p.Rate, p.Unit)
	}
	if len(table.Kernels) == 0 {
		return w.Flush()
	}
	fmt.Fprintln(w, "\nkernel\tshape\tthreads\tachieved\tlimit\tshare")
	for _, s := range table.Kernels {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s %s (%s)\t%.0f %%\n", s.Kernel, s.Shape, s.Threads, figures(s.Achieved), figures(s.Limit), s.Unit, s.Bound, 100*s.Share())
	}
	return w.Flush()
}

// figures formats a rate with about three digits.
func figures(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
