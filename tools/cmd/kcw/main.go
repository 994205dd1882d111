// Command kcw shows what the kyma-cloudwatch chart brings to AWS before anything is installed.
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
	// A terminal that is closed must end what runs here as Ctrl-C does. A reader that goes away (kcw ... | head) must not
	// kill this process before it has done so: writing to it fails instead.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newRootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "kcw:", err)
		}
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "kcw",
		Short:         "See what a Kyma cluster would send to AWS, before anything is installed",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newAWSLocalCommand())
	root.AddCommand(newCollectorCommand())
	root.AddCommand(newPreviewCommand())
	return root
}
