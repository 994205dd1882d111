// Command faults measures what is lost when AWS, the network, the disk or the collector fails, and prints the matrix.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/bench"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/faults"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
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
	only []string
	// valueFiles and set are values over the chart's.
	valueFiles, set []string
	list            bool
	fast            bool
	parallel        int
	out             string
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "faults",
		Short: "Measure what is lost when AWS, the network, the disk or the collector fails",
		Long: `Measure what is lost when AWS, the network, the disk or the collector fails.

A stand-in of Kyma's gateway, with its real settings, sends to the real collector with the configuration that the chart
renders, and that to a stand-in of AWS with a fault in front of it. Every record has an identity. The matrix says for each
cell how many records the gateway accepted, how many AWS stores, how many are lost and how many are stored twice.

A cell is signal/exporter/delivery/fault. The exit code is 0 only when every cell meets its bound: nothing lost, but for the
cells that are proven impossible.`,
		Example: `  go run ./test/faults/cmd/faults --list
  go run ./test/faults/cmd/faults --only traces/xray/queued/503
  go run ./test/faults/cmd/faults --only 'logs/*/queued' --only '*/otlp/*/throttled' --fast`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.only, "only", nil, "run these cells only: a name, its beginning, a fault, or a pattern of these; can be repeated")
	f.StringArrayVarP(&o.valueFiles, "values", "f", nil, "values file for the chart, to see what a setting survives; can be repeated")
	f.StringArrayVar(&o.set, "set", nil, "single values, as KEY=VALUE; can be repeated, wins over files")
	f.BoolVar(&o.list, "list", false, "list the cells and stop")
	f.BoolVar(&o.fast, "fast", false, "outages of seconds and a gateway that tries again sooner, as in the tests, instead of Kyma's own settings")
	f.IntVar(&o.parallel, "parallel", 3, "how many collectors run at a time")
	f.StringVar(&o.out, "out", "out/faults", "folder for report.json and report.html")
	cmd.AddCommand(newDocsCommand())
	return cmd
}

func newDocsCommand() *cobra.Command {
	var results, costs, out string
	cmd := &cobra.Command{
		Use:   "docs",
		Short: "Write docs/delivery.md from what was measured",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var measured []faults.Result
			if err := readJSON(results, "make faults", &measured); err != nil {
				return err
			}
			var cost []bench.Measurement
			if err := readJSON(costs, "make bench", &cost); err != nil {
				return err
			}
			var text bytes.Buffer
			if err := faults.WriteDocs(&text, measured, cost); err != nil {
				return err
			}
			return os.WriteFile(out, text.Bytes(), 0o644) //nolint:gosec // for reading
		},
	}
	f := cmd.Flags()
	f.StringVar(&results, "faults", "out/faults/report.json", "results of a whole matrix")
	f.StringVar(&costs, "bench", "out/bench/report.json", "results of a benchmark")
	f.StringVar(&out, "out", "docs/delivery.md", "file to write")
	return cmd
}

func readJSON(file, madeBy string, into any) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no %s: run `%s` first", file, madeBy)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (o *options) run(cmd *cobra.Command) error {
	ctx, out, progress := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	cells, err := o.cells()
	if err != nil {
		return err
	}
	if o.list {
		for _, cell := range cells {
			fmt.Fprintln(out, cell)
		}
		return nil
	}
	values, err := chart.Values(o.valueFiles, o.set)
	if err != nil {
		return err
	}
	binary, err := otelcol.Find(ctx, progress)
	if err != nil {
		return err
	}
	pace := faults.Full
	if o.fast {
		pace = faults.Fast
	}
	results, err := faults.Run(ctx, faults.Options{Cells: cells, Values: values, Pace: pace, Parallel: o.parallel, Binary: binary, Progress: progress})
	// What was measured before an error is worth having.
	if len(results) > 0 {
		if writeErr := o.write(results); writeErr != nil {
			return writeErr
		}
		faults.WriteText(out, results)
	}
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return fmt.Errorf("interrupted: %d of %d cells were measured", len(results), len(cells))
	case err != nil:
		return err
	}
	failed := 0
	for _, result := range results {
		if !result.Pass {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cells do not meet their bound", failed, len(results))
	}
	return nil
}

func (o *options) cells() ([]faults.Cell, error) {
	all, err := faults.Matrix()
	if err != nil || len(o.only) == 0 {
		return all, err
	}
	var cells []faults.Cell
	found := map[string]bool{}
	for _, cell := range all {
		for _, pattern := range o.only {
			match, err := cell.Matches(pattern)
			if err != nil {
				return nil, fmt.Errorf("--only %s: %w", pattern, err)
			}
			if match {
				found[pattern] = true
				cells = append(cells, cell)
				break
			}
		}
	}
	for _, pattern := range o.only {
		if !found[pattern] {
			return nil, fmt.Errorf("--only %s matches no cell: --list shows them", pattern)
		}
	}
	return cells, nil
}

func (o *options) write(results []faults.Result) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "report.json"), append(text, '\n'), 0o644); err != nil { //nolint:gosec // for reading
		return err
	}
	var page bytes.Buffer
	if err := faults.WriteHTML(&page, results); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.out, "report.html"), page.Bytes(), 0o644) //nolint:gosec // for reading
}
