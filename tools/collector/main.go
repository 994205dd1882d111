// Command otelcol is the OpenTelemetry Collector with the components of the AWS Distro for OpenTelemetry
// (ADOT) that the configurations of the kyma-cloudwatch chart can use. It stands in for ADOT's image where
// no registry is in reach: the same component versions, built from Go modules alone.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/otelcol"
)

func main() {
	// The collector itself listens for signals only once it is ready: one that comes in that moment would kill it. Listening
	// beside this it would end with the context that the signal has cancelled, and not wait for requests under way.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{
			Command:     "otelcol",
			Description: "OpenTelemetry Collector with ADOT's components, as used by kyma-cloudwatch",
			Version:     "0.156.0",
		},
		Factories:               components,
		DisableGracefulShutdown: true,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{
				ProviderFactories: []confmap.ProviderFactory{
					envprovider.NewFactory(),
					fileprovider.NewFactory(),
					yamlprovider.NewFactory(),
				},
			},
		},
	})
	if err := command.ExecuteContext(ctx); err != nil {
		stop()
		os.Exit(1) // cobra has printed the error
	}
}
