// Soberano is a program for private AI on the user's own computer. Without a command it opens the window, or, if there is no
// display, the chat in the terminal.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"soberano/app/cli"
	_ "soberano/app/locale"
	"soberano/app/window"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], func(ctx context.Context, files []string) error {
		err := window.Run(ctx, window.Options{Version: cli.Version, Files: files})
		if !errors.Is(err, window.ErrNoDisplay) {
			return err
		}
		fmt.Fprintf(os.Stderr, "soberano: %v; the chat in the terminal starts instead\n", err)
		os.Exit(cli.Main([]string{"chat"}, nil))
		return nil
	}))
}
