package faults

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/machine"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

//go:embed reference/manifests.yaml
var referenceManifests string

func referenceObjects() ([]chart.Object, error) {
	return (&chart.Rendered{Manifest: referenceManifests}).Objects()
}

// Options say how to run cells.
type Options struct {
	// Cells are what to measure, see Matrix.
	Cells []Cell
	Pace  Pace
	// Values are set over the chart's.
	Values map[string]any
	// Parallel is how many collectors run at a time.
	Parallel int
	// Binary is the collector, from otelcol.Find.
	Binary string
	// Progress gets a line for each thing that happens.
	Progress io.Writer
}

// Run measures the cells and returns a result for each, in the order of the matrix. Cells that differ in nothing but the
// signal share a collector. A cell that misses its bound is a result, not an error. All that Run starts has ended when it
// returns, also when ctx ends it.
func Run(ctx context.Context, o Options) ([]Result, error) {
	matrix, err := Matrix()
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var results []Result
	all := groups(o.Cells)
	began := time.Now()
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(o.Progress, "%6.0fs %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	done := 0
	running, ctx := errgroup.WithContext(ctx)
	running.SetLimit(max(1, o.Parallel))
	for _, g := range all {
		running.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			fault, known := faultNamed(g[0].Fault)
			if !known {
				return fmt.Errorf("there is no fault %q: see --list", g[0].Fault)
			}
			say("%s: starts", g)
			r := &run{group: g, fault: fault, values: o.Values, pace: o.Pace, binary: o.Binary, say: func(format string, args ...any) {
				say("%s: %s", g, fmt.Sprintf(format, args...))
			}}
			measured, err := r.measure(ctx)
			var skipped errSkipped
			switch {
			case err != nil && ctx.Err() != nil:
				return ctx.Err()
			case errors.As(err, &skipped):
				measured = without(g, Result{Skipped: true, Pass: true, Reason: skipped.why})
			case err != nil:
				measured = without(g, Result{Failure: "not measured: " + err.Error()})
			}
			mu.Lock()
			done++
			for i := range measured {
				measured[i].Machine = machine.Describe()
			}
			results = append(results, measured...)
			mu.Unlock()
			for _, result := range measured {
				say("[%d/%d] %s", done, len(all), result.line())
			}
			return nil
		})
	}
	err = running.Wait()
	slices.SortStableFunc(results, order(matrix))
	return results, err
}

// without makes the results of a group that could not be measured.
func without(g group, outcome Result) []Result {
	var results []Result
	for _, cell := range g {
		r := outcome
		r.Signal, r.Exporter, r.Delivery, r.Fault = string(cell.Signal), cell.Exporter, string(cell.Delivery), cell.Fault
		r.Started = time.Now().UTC().Truncate(time.Second)
		results = append(results, r)
	}
	return results
}

func (r Result) line() string {
	switch {
	case r.Skipped:
		return fmt.Sprintf("%s: skipped: %s", r.name(), r.Reason)
	case r.Pass:
		return fmt.Sprintf("%s: %d of %d lost, %d twice (%.0f s)", r.name(), r.Lost, r.Accepted, r.Duplicated, r.Seconds)
	default:
		return fmt.Sprintf("%s: FAILED: %s (%.0f s)", r.name(), r.Failure, r.Seconds)
	}
}
