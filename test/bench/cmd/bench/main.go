// Command bench measures what the chart's configurations cost, side by side with those of guides.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/bench"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		stop()
		os.Exit(1)
	}
}

type options struct {
	signals, profiles []string
	valueFiles, set   []string
	records, rounds   int
	latency           time.Duration
	out, profiling    string
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what the chart's configurations cost, side by side with those of guides",
		Long: `Measure what the chart's configurations cost, side by side with those of guides.

A collector is a process of its own, fed by OTLP batches of Kyma's sizes as fast as it takes them; a stand-in answers as AWS
does and keeps nothing. The table has the CPU seconds of the collector for a million records, its largest memory, the
requests and bytes to AWS, and, at a moderate load, the time from a record's start to AWS having it. CPU seconds hardly
depend on what else the machine does; times and memory do.`,
		Example: `  go run ./test/bench/cmd/bench
  go run ./test/bench/cmd/bench --signal traces --profile reference --profile 'otlp, queued' --rounds 5
  go run ./test/bench/cmd/bench --pprof out/bench/pprof && go tool pprof -top out/bench/pprof/traces-otlp-queued.pprof`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.signals, "signal", nil, "measure this signal only: traces, metrics or logs; can be repeated")
	f.StringArrayVar(&o.profiles, "profile", nil, "measure this profile only; can be repeated; ratios need the one of comparison, too")
	f.StringArrayVarP(&o.valueFiles, "values", "f", nil, "values file for the chart's profiles, to see what a setting costs; can be repeated")
	f.StringArrayVar(&o.set, "set", nil, "single values, as KEY=VALUE; can be repeated, wins over files")
	f.IntVar(&o.records, "records", 200_000, "records of each measurement")
	f.IntVar(&o.rounds, "rounds", 3, "how often each measurement is repeated; the median counts")
	f.DurationVar(&o.latency, "latency", 10*time.Second, "how long to take times; 0 takes none")
	f.StringVar(&o.out, "out", "out/bench", "folder for report.json and report.svg")
	f.StringVar(&o.profiling, "pprof", "", "folder for a CPU profile of each collector")
	return cmd
}

func (o *options) run(cmd *cobra.Command) error {
	settings := bench.Options{
		Records: o.records, Rounds: max(1, o.rounds), Latency: o.latency, Profiling: o.profiling, Progress: cmd.ErrOrStderr(),
	}
	set, err := chart.Values(o.valueFiles, o.set)
	if err != nil {
		return err
	}
	all, err := bench.Profiles(set)
	if err != nil {
		return err
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
		if len(o.profiles) == 0 || slices.Contains(o.profiles, p.Name) {
			settings.Profiles = append(settings.Profiles, p)
		}
	}
	for _, name := range o.profiles {
		if !slices.Contains(names, name) {
			return fmt.Errorf("--profile %q: there is %q", name, strings.Join(names, `", "`))
		}
	}
	for _, signal := range []gateway.Signal{gateway.Traces, gateway.Metrics, gateway.Logs} {
		if len(o.signals) == 0 || slices.Contains(o.signals, string(signal)) {
			settings.Signals = append(settings.Signals, signal)
		}
	}
	if len(settings.Signals) == 0 {
		return fmt.Errorf("--signal %s: want traces, metrics or logs", strings.Join(o.signals, ", "))
	}
	if settings.Binary, err = otelcol.Find(cmd.Context(), cmd.ErrOrStderr()); err != nil {
		return err
	}
	measurements, err := bench.Run(cmd.Context(), settings)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(measurements, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "report.json"), append(text, '\n'), 0o644); err != nil { //nolint:gosec // for reading
		return err
	}
	var chart bytes.Buffer
	if err := bench.WriteSVG(&chart, measurements); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "report.svg"), chart.Bytes(), 0o644); err != nil { //nolint:gosec // for reading
		return err
	}
	bench.WriteText(cmd.OutOrStdout(), measurements)
	return nil
}
