package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/cover"
)

type coverOptions struct {
	values  []string
	from    []string
	format  string
	output  string
	min     float64
	release chart.Release
}

func newCoverCommand() *cobra.Command {
	var o coverOptions
	command := &cobra.Command{
		Use:   "cover CHART",
		Short: "Show which branches of a chart's templates no rendering takes",
		Long: `Render the chart in the folder CHART and show which branches of its templates were taken: both sides of
if, with and range, the operands of and and or, the choices of default and ternary.

Each --values is a rendering of its own: a values file, several joined by commas, of which later ones
win, or a folder, of which each .yaml file is one. Without any, the chart's own values are rendered.
What Go tests rendered with tools/chart is added by --from, the folder that they wrote with
` + chart.CoverDirVariable + `=FOLDER go test ./...`,
		Example: "  chartkit cover charts/kyma-cloudwatch -f examples/quickstart/values.yaml --min 80\n" +
			"  chartkit cover charts/kyma-cloudwatch -f examples --format html -o coverage.html",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	flags := command.Flags()
	flags.StringArrayVarP(&o.values, "values", "f", nil, "values file, files joined by commas, or folder of values files")
	flags.StringArrayVar(&o.from, "from", nil, "folder that was in "+chart.CoverDirVariable+" while tests ran")
	flags.StringVar(&o.format, "format", "text", "text, json, lcov or html")
	flags.StringVarP(&o.output, "output", "o", "", "file to write instead of printing")
	flags.Float64Var(&o.min, "min", 0, "fail if less of the branches is taken, in percent")
	flags.StringVar(&o.release.Name, "release", "release-name", "name of the release")
	flags.StringVarP(&o.release.Namespace, "namespace", "n", "default", "namespace of the release")
	flags.StringVar(&o.release.KubeVersion, "kube-version", chart.DefaultKubeVersion, "Kubernetes version to render for")
	return command
}

func (o *coverOptions) run(cmd *cobra.Command, folder string) error {
	if !slices.Contains([]string{"text", "json", "lcov", "html"}, o.format) {
		return fmt.Errorf("--format %s is none of text, json, lcov, html", o.format)
	}
	c, err := chart.Load(folder)
	if err != nil {
		return err
	}
	coverage := chart.NewCoverage(c)
	renderings, err := o.renderings()
	if err != nil {
		return err
	}
	for _, name := range renderings {
		var files []string
		if name != ownValues {
			files = strings.Split(name, ",")
		}
		values, err := chart.Values(files, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		// What a refusal reached counts, as checks are branches too.
		if _, err := coverage.Render(values, o.release, name); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s is refused: %v\n", name, err)
		}
	}
	for _, dir := range o.from {
		if err := coverage.ReadDir(dir); err != nil {
			return err
		}
	}
	report := cover.New(coverage)
	var text bytes.Buffer
	switch o.format {
	case "text":
		err = report.Text(&text)
	case "json":
		err = report.JSON(&text)
	case "lcov":
		err = report.LCOV(&text, filepath.ToSlash(folder))
	case "html":
		err = report.HTML(&text, filepath.Base(filepath.Clean(folder)))
	}
	if err != nil {
		return err
	}
	if o.output != "" {
		err = writeAtomically(o.output, text.Bytes())
	} else {
		_, err = cmd.OutOrStdout().Write(text.Bytes())
	}
	if err == nil && report.Branches.Percent() < o.min {
		err = fmt.Errorf("%.1f %% of the branches are taken (%d of %d), --min wants %g %%; add values that take one of the others",
			report.Branches.Percent(), report.Branches.Covered, report.Branches.Total, o.min)
	}
	return err
}

// ownValues names the rendering without any values.
const ownValues = "values.yaml of the chart"

// renderings lists the files of each rendering, joined by commas.
func (o *coverOptions) renderings() ([]string, error) {
	if len(o.values) == 0 && len(o.from) == 0 {
		return []string{ownValues}, nil
	}
	var all []string
	for _, name := range o.values {
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() {
			all = append(all, name) // what cannot be read is reported when it is
			continue
		}
		before := len(all)
		err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && (strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml")) {
				all = append(all, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(all) == before {
			return nil, fmt.Errorf("no values files in %s; they end in .yaml", name)
		}
	}
	return all, nil
}
