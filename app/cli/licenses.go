package cli

import (
	"io"

	"github.com/spf13/cobra"

	"soberano/assets"
)

// licensesCommand prints the licences of the components that are linked into the program or fetched with it.
func licensesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "licenses", Short: "Print the licences of what others made and this program contains", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), assets.Notices)
			return err
		},
	}
}
