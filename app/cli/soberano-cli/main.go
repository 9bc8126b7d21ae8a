// Command soberano-cli is Soberano's command line alone: the same commands as the desktop
// program, without window and microphone, built with CGO_ENABLED=0.
package main

import (
	"os"

	"soberano/app/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], nil)) }
