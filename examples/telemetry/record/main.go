// Command record runs the shop of examples/telemetry/shop, each pod a process, and writes what it
// emits to traces.jsonl, metrics.jsonl and logs.jsonl, in the form that reaches a backend of Kyma's
// telemetry module: enriched as by its OTLP gateway, with the container logs and runtime metrics of
// its agents. From the root of the repository:
//
//	go run ./examples/telemetry/record
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/examples/telemetry/shop"
)

func main() {
	if os.Getenv(shop.EnvService) != "" {
		runPod()
		return
	}
	o := options{progress: os.Stderr}
	flag.StringVar(&o.directory, "o", "examples/telemetry", "directory to write to")
	flag.IntVar(&o.requests, "requests", 110, "requests to the shop in all")
	flag.IntVar(&o.rounds, "rounds", 3, "exports of metrics by every pod; the requests are spread over them")
	flag.DurationVar(&o.interval, "interval", 2*time.Second, "time between exports of metrics")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := record(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

// runPod is what the recorder starts for every pod. An interrupt of the terminal is for the
// recorder, which then closes stdin.
func runPod() {
	signal.Ignore(os.Interrupt)
	if err := shop.Main(context.Background(), os.Stdin, os.NewFile(readyDescriptor, "ready")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
