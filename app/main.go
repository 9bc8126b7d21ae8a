// Soberano: private AI on one's own computer. Without a verb the window opens; where there
// is no display, the chat in the terminal.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"soberano/app/cli"
	"soberano/app/window"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], func(ctx context.Context) error {
		err := window.Run(ctx, window.Options{Version: cli.Version})
		if !errors.Is(err, window.ErrNoDisplay) {
			return err
		}
		fmt.Fprintf(os.Stderr, "soberano: %v; the chat in the terminal starts instead\n", err)
		args := []string{"chat"}
		if name := window.ChatModel(); name != "" {
			args = append(args, "-m", name)
		}
		os.Exit(cli.Main(args, nil))
		return nil
	}))
}
