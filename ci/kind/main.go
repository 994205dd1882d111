// Command kind makes a cluster to try the chart in, from nothing, and removes it without a trace. See docs/development.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/cluster"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRootCommand(progress.New(os.Stderr)).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kind:", err)
		os.Exit(1)
	}
}

func newRootCommand(log *progress.Log) *cobra.Command {
	root := &cobra.Command{
		Use: "kind", Short: "Make a cluster to try the chart in, and remove it",
		SilenceUsage: true, SilenceErrors: true,
	}
	var options cluster.Options
	root.PersistentFlags().StringVar(&options.Name, "name", cluster.DefaultName, "name of the cluster")
	options.Progress = log

	create := &cobra.Command{
		Use: "create", Short: "Make the cluster, and AWS beside it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return create(cmd.Context(), options) },
	}
	create.Flags().StringVar(&options.NodeImage, "node-image", "", "image of the nodes; empty takes kind's own, or builds one where that cannot be pulled")

	var valuesFile string
	install := &cobra.Command{
		Use: "install", Short: "Install the chart in the cluster, or upgrade it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return install(cmd.Context(), options.Name, valuesFile, log)
		},
	}
	install.Flags().StringVarP(&valuesFile, "values", "f", "examples/quickstart/values.yaml", "values file")

	uninstall := &cobra.Command{
		Use: "uninstall", Short: "Uninstall the chart", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return uninstall(cmd.Context(), options.Name, log) },
	}
	remove := &cobra.Command{
		Use: "delete", Short: "Remove the cluster, AWS, and what they have changed on this machine", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Together, so that neither failure keeps the other from being cleaned up.
			return errors.Join(stopAWS(options.Name, log), cluster.Delete(cmd.Context(), options.Name, log))
		},
	}

	var host string
	var port int
	aws := &cobra.Command{
		Use: "aws", Short: "Run AWS until Ctrl-C (create does it in the background)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serveAWS(cmd.Context(), host, port, log) },
	}
	aws.Flags().StringVar(&host, "host", "127.0.0.1", "address to listen on")
	aws.Flags().IntVar(&port, "port", awsPort, "port to listen on")

	root.AddCommand(create, install, uninstall, remove, aws)
	return root
}
