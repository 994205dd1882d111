// Command render compares how fast the umbrella chart is rendered: by tools/chart, by Helm's SDK in the same process,
// by the helm command, by terratest, and by helm-unittest. It prints the medians of interleaved rounds and their
// ratios, so that what else the machine does weighs on all alike:
//
//	go run ./test/bench/render
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/helmcli"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

const (
	chartPath  = "charts/kyma-cloudwatch"
	valuesPath = "examples/quickstart/values.yaml"
	unittest   = "github.com/helm-unittest/helm-unittest@v1.1.2"
)

func main() {
	rounds := flag.Int("rounds", 15, "how often each renders")
	flag.Parse()
	if err := run(context.Background(), *rounds, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// contender is a way to render the chart.
type contender struct {
	name   string
	render func() error
	// times is how many renderings one call makes.
	times int
	took  []time.Duration
}

func run(ctx context.Context, rounds int, out io.Writer) error {
	dir, err := os.MkdirTemp("", "bench-render-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	command, err := helmcli.V3(ctx, os.Stderr)
	if err != nil {
		return err
	}
	// terratest starts "helm" and lets nobody say which.
	if err := os.Setenv("PATH", filepath.Dir(command.Path)+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return err
	}
	values, err := chart.Values([]string{valuesPath}, nil)
	if err != nil {
		return fmt.Errorf("%w; run it in the repository's root", err)
	}
	all := []*contender{{name: "tools/chart, warm", times: 20}, {name: "tools/chart, warm, values never seen before", times: 20}}
	if all[0].render, err = warm(values); err != nil {
		return err
	}
	if all[1].render, err = warmWithNewValues(values); err != nil {
		return err
	}
	env := helmcli.Environment(dir)
	all = append(all,
		&contender{name: "Helm's SDK, in the process", times: 1, render: func() error { return sdk(values) }},
		&contender{name: "helm template, a process", times: 1, render: func() error {
			_, err := command.Run(ctx, env, "template", "demo", chartPath, "--namespace", "aws", "--values", valuesPath)
			return err
		}},
		&contender{name: "terratest's render", times: 1, render: func() error { return terratest(ctx, env) }},
	)
	if suite, err := newUnittest(ctx, dir, env); err != nil {
		fmt.Fprintf(out, "helm-unittest is left out: %v\n", err)
	} else {
		all = append(all, &contender{name: "helm-unittest, a test of 20 in a process", times: suiteTests, render: suite})
	}
	for round := range rounds + 1 {
		for _, c := range all {
			start := time.Now()
			for range callsOf(c) {
				if err := c.render(); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
			if round > 0 { // the first one fills caches
				c.took = append(c.took, time.Since(start)/time.Duration(c.times))
			}
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%s, %d rounds\tmedian\tbest\tof the first\t\n", valuesPath, rounds)
	for _, c := range all {
		slices.Sort(c.took)
		slices.Sort(all[0].took)
		median := c.took[len(c.took)/2]
		fmt.Fprintf(table, "%s\t%.2f ms\t%.2f ms\t%.1fx\t\n", c.name, milliseconds(median), milliseconds(c.took[0]),
			float64(median)/float64(all[0].took[len(c.took)/2]))
	}
	return table.Flush()
}

// callsOf is how often a contender is called in a round; helm-unittest makes all its renderings in one call.
func callsOf(c *contender) int {
	if strings.HasPrefix(c.name, "helm-unittest") {
		return 1
	}
	return c.times
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func warm(values map[string]any) (func() error, error) {
	c, err := chart.Load(chartPath)
	return func() error {
		_, err := c.Render(values, chart.Release{Name: "demo", Namespace: "aws"})
		return err
	}, err
}

// warmWithNewValues renders names that no rendering before had, which go into most objects.
func warmWithNewValues(values map[string]any) (func() error, error) {
	c, err := chart.Load(chartPath)
	n := 0
	return func() error {
		n++
		named, global := maps.Clone(values), maps.Clone(values["global"].(map[string]any))
		named["global"], global["clusterName"] = global, fmt.Sprintf("cluster-%d", n)
		_, err := c.Render(named, chart.Release{Name: "demo", Namespace: "aws"})
		return err
	}, err
}

// sdk loads the chart for each rendering, as a rendering changes it.
func sdk(values map[string]any) error {
	loaded, err := loader.Load(chartPath)
	if err != nil {
		return err
	}
	install := action.NewInstall(&action.Configuration{
		Capabilities: chartutil.DefaultCapabilities,
		Releases:     storage.Init(driver.NewMemory()),
		KubeClient:   &fake.PrintingKubeClient{Out: io.Discard},
		Log:          func(string, ...any) {},
	})
	install.ReleaseName, install.Namespace = "demo", "aws"
	install.DryRun, install.ClientOnly, install.Replace = true, true, true
	if install.KubeVersion, err = chartutil.ParseKubeVersion(chart.DefaultKubeVersion); err != nil {
		return err
	}
	_, err = install.Run(loaded, values)
	return err
}

// failing is what terratest takes for a test.
type failing struct{ err error }

func (f *failing) Fail()                     { f.err = errors.New("failed") }
func (f *failing) FailNow()                  { f.Fail() }
func (f *failing) Fatal(args ...any)         { f.err = errors.New(fmt.Sprint(args...)) }
func (f *failing) Fatalf(s string, a ...any) { f.err = fmt.Errorf(s, a...) }
func (f *failing) Error(args ...any)         { f.Fatal(args...) }
func (f *failing) Errorf(s string, a ...any) { f.Fatalf(s, a...) }
func (f *failing) Name() string              { return "bench" }
func (f *failing) Helper()                   {}
func (f *failing) Skipf(string, ...any)      {}

func terratest(ctx context.Context, env map[string]string) error {
	options := &helm.Options{
		ValuesFiles:    []string{valuesPath},
		KubectlOptions: k8s.NewKubectlOptions("", "", "aws"),
		EnvVars:        env,
		Logger:         logger.Discard,
	}
	_, err := helm.RenderTemplateContextE(&failing{}, ctx, options, chartPath, "demo", nil)
	return err
}

// suiteTests are the tests of a helm-unittest suite; each of them renders the chart.
const suiteTests = 20

// newUnittest builds helm-unittest, which cannot be installed by its version, in the folder of its module.
func newUnittest(ctx context.Context, dir string, env map[string]string) (func() error, error) {
	var module struct{ Dir, Error string }
	found := exec.CommandContext(ctx, "go", "mod", "download", "-json", unittest)
	found.Dir = dir
	text, err := found.Output()
	if err := errors.Join(err, json.Unmarshal(text, &module)); err != nil {
		return nil, fmt.Errorf("%s: %w %s", unittest, err, module.Error)
	}
	program := filepath.Join(dir, "helm-unittest")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/helm-unittest")
	build.Dir = module.Dir
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building %s: %w: %s", unittest, err, bytes.TrimSpace(text))
	}
	values, err := filepath.Abs(valuesPath)
	if err != nil {
		return nil, err
	}
	suite := fmt.Sprintf("suite: bench\nvalues: [%q]\ntemplates: [charts/collector/templates/service.yaml]\ntests:\n", values)
	for n := range suiteTests {
		suite += fmt.Sprintf("- it: renders %d\n  asserts: [{isKind: {of: Service}}]\n", n)
	}
	file := filepath.Join(dir, "bench_test.yaml")
	if err := os.WriteFile(file, []byte(suite), 0o644); err != nil {
		return nil, err
	}
	return func() error {
		cmd := exec.CommandContext(ctx, program, "--with-subchart=false", "--file", file, chartPath)
		cmd.Env = os.Environ()
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, text)
		}
		return nil
	}, nil
}
