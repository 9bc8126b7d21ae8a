package cli

import "github.com/spf13/pflag"

func modelFlag(fs *pflag.FlagSet, model *string) {
	fs.StringVarP(model, "model", "m", "", "a model of the library, or the path of one (default: the included one)")
}

func threadsFlag(fs *pflag.FlagSet, threads *int) {
	fs.IntVarP(threads, "threads", "t", 0, "threads (default: the physical cores, from 4 up one less)")
}
