package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

func newCollectorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "collector",
		Short: "Print the path of the collector that preview runs, and build it when needed",
		Long: `Print the path of the collector that preview runs, and build it when needed.

It is $` + otelcol.EnvBinary + ` where that is set, else "otelcol" beside kcw, else built from the sources of the
checkout that the working directory stands in, once, into the user's cache folder.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := otelcol.Find(cmd.Context(), cmd.ErrOrStderr())
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
}
