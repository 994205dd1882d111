package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/charts"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/examples/telemetry"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/preview"
)

// embeddedChart is the chart's folder in charts.Files.
const embeddedChart = "kyma-cloudwatch"

// previewOptions are the flags of kcw preview.
type previewOptions struct {
	valueFiles   []string
	set          []string
	chart        string
	release      chart.Release
	inputs       []string
	format       string
	html         string
	output       string
	timeout      time.Duration
	collectorLog string
}

func newPreviewCommand() *cobra.Command {
	var o previewOptions
	cmd := &cobra.Command{
		Use:   "preview -f values.yaml",
		Short: "Show what would arrive in AWS, without a cluster or an AWS account",
		Long: `Show what would arrive in AWS, without a cluster or an AWS account.

It renders the chart as helm does, runs the real collector with the configuration, environment and files that its pod would
get, sends recorded telemetry to it as Kyma's gateway does, and reports what a local stand-in of AWS then holds: traces with
the service map, custom metrics with their dimensions, log groups and events, and what was lost, duplicated or filtered, and
why. Nothing leaves this machine.

The exit code is 0 only when everything that Kyma sent is accounted for.`,
		Example: `  kcw preview -f values.yaml
  kcw preview -f values.yaml --html preview.html
  kcw preview -f values.yaml --set global.logs.exporter=otlp --format json
  kcw preview -f values.yaml --input my-capture.jsonl
  kcw preview -f values.yaml -o config`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.valueFiles, "values", "f", nil, "values file; can be repeated, later ones win")
	f.StringArrayVar(&o.set, "set", nil, "single values as KEY=VALUE; can be repeated, wins over files")
	f.StringVar(&o.chart, "chart", "", "chart folder or .tgz; the default is the chart that kcw brings along")
	f.StringVar(&o.release.Name, "release", "kyma-cloudwatch", "name of the release")
	f.StringVarP(&o.release.Namespace, "namespace", "n", "kyma-cloudwatch", "namespace of the release")
	f.StringArrayVar(&o.inputs, "input", nil, "telemetry to send: a file of OTLP JSON lines, or a folder of *.jsonl; can be repeated; the default is recorded telemetry of a small shop")
	f.StringVar(&o.format, "format", "text", "report on standard output: text or json")
	f.StringVar(&o.html, "html", "", "also write the report as one self-contained page to this file")
	f.StringVarP(&o.output, "output", "o", "", "print what would run instead, and stop: manifests, configmap or config")
	f.DurationVar(&o.timeout, "timeout", preview.DefaultTimeout, "how long to wait for what was sent to arrive")
	f.StringVar(&o.collectorLog, "collector-log", "", "write the collector's own log to this file")
	return cmd
}

func (o *previewOptions) run(ctx context.Context, out, progress io.Writer) error {
	if o.format != "text" && o.format != "json" {
		return fmt.Errorf("--format %s: want text or json", o.format)
	}
	if o.html != "" {
		if info, err := os.Stat(filepath.Dir(o.html)); err != nil || !info.IsDir() {
			return fmt.Errorf("--html %s: there is no folder %s: make it first, for example by mkdir -p %s", o.html, filepath.Dir(o.html), filepath.Dir(o.html))
		}
	}
	if o.timeout <= 0 {
		return fmt.Errorf("--timeout %s: want a time to wait, such as 60s", o.timeout)
	}
	values, err := chart.Values(o.valueFiles, o.set)
	if err != nil {
		return err
	}
	c, name, err := o.load()
	if err != nil {
		return err
	}
	rendered, err := c.Render(values, o.release)
	if err != nil {
		return err
	}
	objects, err := rendered.Objects()
	if err != nil {
		return err
	}
	switch o.output {
	case "":
	case "manifests":
		_, err := io.WriteString(out, rendered.Manifest)
		return err
	case "configmap":
		return preview.WriteConfigMaps(out, objects)
	case "config":
		return preview.WriteConfig(out, objects, o.release.Namespace)
	default:
		return fmt.Errorf("--output %s: want manifests, configmap or config", o.output)
	}
	capture, err := o.capture()
	if err != nil {
		return err
	}
	binary, err := otelcol.Find(ctx, progress)
	if err != nil {
		return err
	}
	settings := preview.Options{
		Objects: objects, Chart: name, Release: o.release, Capture: capture, Binary: binary, Timeout: o.timeout,
	}
	var log *os.File
	if o.collectorLog != "" {
		if log, err = os.Create(o.collectorLog); err != nil {
			return err
		}
		defer log.Close()
		settings.CollectorLog = log
	}
	show := newProgressLine(progress)
	settings.Progress = show.say
	report, err := preview.Run(ctx, settings)
	show.clear()
	if err != nil {
		return err
	}
	if err := o.write(out, progress, report); err != nil {
		return err
	}
	if !report.Accounted {
		s := report.Signals
		return fmt.Errorf("not everything arrived: %d spans, %d datapoints and %d log records are lost", s.Traces.Lost, s.Metrics.Lost, s.Logs.Lost)
	}
	return nil
}

// load takes the chart that the user names, or the one that stands in this program.
func (o *previewOptions) load() (*chart.Chart, string, error) {
	if o.chart == "" {
		c, err := chart.LoadFS(charts.Files, embeddedChart)
		return c, embeddedChart, err
	}
	c, err := chart.Load(o.chart)
	return c, strings.TrimSuffix(o.chart, "/"), err
}

func (o *previewOptions) capture() (*preview.Capture, error) {
	if len(o.inputs) > 0 {
		return preview.ReadCaptures(o.inputs...)
	}
	capture, err := preview.ReadCaptureFS(telemetry.Files)
	if err != nil {
		return nil, err
	}
	for i, name := range capture.Files {
		capture.Files[i] = "examples/telemetry/" + name // where a person finds it in the repository
	}
	return capture, nil
}

func (o *previewOptions) write(out, progress io.Writer, report *preview.Report) error {
	if o.html != "" {
		if err := writeWhole(o.html, report.WriteHTML); err != nil {
			return err
		}
	}
	if o.format == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(report); err != nil {
			return err
		}
	} else if err := report.WriteText(out, isTerminal(out) && os.Getenv("NO_COLOR") == ""); err != nil {
		return err
	}
	if o.html != "" {
		fmt.Fprintf(progress, "Page written to %s\n", o.html)
	}
	return nil
}

// writeWhole writes a file that is there in full or not at all.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	partial := path + ".partial"
	file, err := os.Create(partial)
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Close())
	if err == nil {
		err = os.Rename(partial, path)
	}
	if err != nil {
		_ = os.Remove(partial) // the first error matters
	}
	return err
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) //nolint:gosec // a file descriptor is a small number
}

// progressLine shows what goes on: on a terminal in one line that changes, elsewhere a line now and then.
type progressLine struct {
	out      io.Writer
	terminal bool
	last     time.Time
	text     string
	stage    string
}

func newProgressLine(out io.Writer) *progressLine {
	return &progressLine{out: out, terminal: isTerminal(out)}
}

func (p *progressLine) say(text string) {
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K%s", text)
		return
	}
	// Figures change many times a second: elsewhere than on a terminal a new stage is shown at once, figures rarely.
	stage := strings.TrimLeft(text, "0123456789")
	if len(stage) > 12 {
		stage = stage[:12]
	}
	if text == p.text || stage == p.stage && time.Since(p.last) < 2*time.Second {
		return
	}
	p.text, p.stage, p.last = text, stage, time.Now()
	fmt.Fprintln(p.out, text)
}

func (p *progressLine) clear() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
