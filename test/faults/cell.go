// Package faults measures what is lost on the way from Kyma to AWS when AWS, the network, the disk or the collector fails.
//
// A stand-in of Kyma's gateway with its real settings sends to the collector of a rendered release, which sends to a
// stand-in of AWS with a fault in front of it. Every record has a number; after each cell the harness compares what the
// gateway took, what the collector acknowledged and what AWS stores.
package faults

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/charts"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

// Delivery is a value of collector.delivery, or Reference.
type Delivery string

// The deliveries. Reference is no value of the chart's, but the configuration of the reference guide, with a batch processor
// and no queue: the control that shows that the harness sees losses.
const (
	Queued       Delivery = "queued"
	Acknowledged Delivery = "acknowledged"
	Reference    Delivery = "reference"
)

// Cell names one measurement.
type Cell struct {
	Signal gateway.Signal
	// Exporter as the chart's values name it: xray, emf, cloudwatchlogs or otlp.
	Exporter string
	Delivery Delivery
	// Fault is the name of a fault, see Faults.
	Fault string
}

// String is the cell's name on the command line: traces/xray/queued/503.
func (c Cell) String() string {
	return fmt.Sprintf("%s/%s/%s/%s", c.Signal, c.Exporter, c.Delivery, c.Fault)
}

// Matches tells whether the cell's name matches a pattern of path.Match, such as traces/*/queued/503; a pattern with fewer
// parts matches from the start ("logs/otlp"), and one without a slash matches a fault.
func (c Cell) Matches(pattern string) (bool, error) {
	if !strings.Contains(pattern, "/") {
		if match, err := path.Match(pattern, c.Fault); match || err != nil {
			return match, err
		}
	}
	for strings.Count(pattern, "/") < 3 {
		pattern += "/*"
	}
	return path.Match(pattern, c.String())
}

// own is the exporter of a signal that speaks the AWS service's own API; the other is otlp.
var own = map[gateway.Signal]string{gateway.Traces: "xray", gateway.Metrics: "emf", gateway.Logs: "cloudwatchlogs"}

var signals = []gateway.Signal{gateway.Traces, gateway.Metrics, gateway.Logs}

// Matrix lists all cells that the chart has: every fault with every exporter and delivery that it concerns.
func Matrix() ([]Cell, error) {
	deliveries, err := deliveriesOfChart()
	if err != nil {
		return nil, err
	}
	return allCells(deliveries), nil
}

func allCells(deliveries []Delivery) []Cell {
	cells := []Cell{{gateway.Traces, "xray", Reference, "503"}}
	for _, delivery := range deliveries {
		for _, native := range []bool{false, true} {
			for _, fault := range Faults {
				for _, signal := range signals {
					exporter := own[signal]
					if native {
						exporter = "otlp"
					}
					cell := Cell{signal, exporter, delivery, fault.Name}
					if fault.concerns == nil || fault.concerns(cell) {
						cells = append(cells, cell)
					}
				}
			}
		}
	}
	return cells
}

// deliveriesOfChart reads whether the chart has the value collector.delivery. Without it there is only one.
func deliveriesOfChart() ([]Delivery, error) {
	text, err := charts.Files.ReadFile("kyma-cloudwatch/charts/collector/values.yaml")
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	if _, has := values["delivery"]; !has {
		return []Delivery{Queued}, nil
	}
	return []Delivery{Queued, Acknowledged}, nil
}

// group is the cells that one run of a collector measures: the signals of one release share it, as they do in a cluster.
type group []Cell

func (g group) String() string {
	names := make([]string, len(g))
	for i, cell := range g {
		names[i] = string(cell.Signal) + "/" + cell.Exporter
	}
	return fmt.Sprintf("%s of %s, %s", g[0].Fault, strings.Join(names, " + "), g[0].Delivery)
}

// groups puts cells together that differ in nothing but the signal.
func groups(cells []Cell) []group {
	type key struct {
		native   bool
		delivery Delivery
		fault    string
	}
	var order []key
	of := map[key]group{}
	for _, cell := range cells {
		k := key{cell.Exporter == "otlp", cell.Delivery, cell.Fault}
		if _, known := of[k]; !known {
			order = append(order, k)
		}
		if !slices.Contains(of[k], cell) {
			of[k] = append(of[k], cell)
		}
	}
	all := make([]group, len(order))
	for i, k := range order {
		all[i] = of[k]
	}
	return all
}
