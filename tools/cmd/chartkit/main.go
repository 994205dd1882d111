// Command chartkit generates the values schema and the values documentation of a Helm chart, and shows which branches of
// its templates are rendered.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "chartkit:", err)
		}
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "chartkit",
		Short:         "Values schema, documentation and template coverage for any Helm chart",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newSchemaCommand(), newDocsCommand(), newCoverCommand())
	return root
}
