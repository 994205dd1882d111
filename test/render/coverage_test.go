package render

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/cover"
)

// uncovered are the branches of the chart that no test of this package takes, and why that is right.
var uncovered = map[string]string{
	`charts/collector/templates/_alerts.tpl: range $exporter := $pipeline.exporters: never empty`:                                                                                "a pipeline without exporters is refused",
	`charts/collector/templates/_alerts.tpl: range $exporter := $other.exporters: never empty`:                                                                                   "a pipeline without exporters is refused",
	`charts/collector/templates/_alerts.tpl: range $name, $other := $config.service.pipelines: never empty`:                                                                      "the signal's own pipeline is there",
	`charts/collector/templates/_alerts.tpl: range $queued: never empty`:                                                                                                         "it is reached where there are some",
	`charts/collector/templates/_alerts.tpl: range .: never empty`:                                                                                                               "a pipeline without receivers or exporters is refused",
	`charts/collector/templates/_checks_delivery.tpl: range $i := until ($set.spec.replicas | int): never empty`:                                                                 "the chart makes no StatefulSet of no pods",
	`charts/collector/templates/_config.tpl: range $signal := concat $acknowledged (include "kyma-cloudwatch.collector.signals" (list . "queued") | fromJsonArray): never empty`: "without a signal there is no collector",
	`charts/collector/templates/_size.tpl: range $name, $quantity := get $.Values.resources $kind: never empty`:                                                                  "values.yaml names some",
	`templates/_delivery.tpl: range $i, $signal := .: never empty`:                                                                                                               "it is reached where there are some",
	`charts/collector/templates/_checks.tpl: range include "kyma-cloudwatch.collector.awsEnv" . | fromYamlArray: never empty`:                                                    "AWS_REGION is always there",
	`charts/collector/templates/_checks_config.tpl: range $section := keys $config | sortAlpha: never empty`:                                                                     "the chart's own sections are always there",
	`charts/collector/templates/_checks_config.tpl: range $pipeline, $settings := $config.service.pipelines: never empty`:                                                        "a configuration without pipelines is nobody's",
	`charts/collector/templates/_checks_config.tpl: range $name, $exporter := $config.exporters: never empty`:                                                                    "without exporters the check of the pipelines, before it, refuses",
	`charts/collector/templates/_checks_config.tpl: range $kind, $types := $context.Files.Get "files/components.yaml" | fromYaml: never empty`:                                   "the file is the chart's",
	`charts/collector/templates/_checks_config.tpl: range $types: never empty`:                                                                                                   "the file is the chart's",
	`charts/collector/templates/_checks_config.tpl: if kindIs "map" .: never else`:                                                                                               "a queue that is no map fails in the check before it",
	`charts/collector/templates/_checks_config.tpl: default dict: never default`:                                                                                                 "the check before it refuses a storage that is not defined",
	`charts/collector/templates/_checks_config.tpl: with index . $name: never else`:                                                                                              "a queue of the chart's own is never smaller than a message and larger than its volume",
	`charts/collector/templates/_checks_config.tpl: with .sending_queue: never else`:                                                                                             "a queue of the chart's own is never smaller than a message and larger than its volume",
	`charts/collector/templates/_checks_config.tpl: range $name := keys $queues | sortAlpha: never empty`:                                                                        "it is reached when the queues are too large",
	`charts/collector/templates/_checks_config.tpl: range $name, $bytes := $queues: never empty`:                                                                                 "it is reached when the queues are too large",
	`charts/collector/templates/_config.tpl: range $fragments: never empty`:                                                                                                      "the base is always there",
	`charts/collector/templates/_pod.tpl: range $constraints: never empty`:                                                                                                       "without the user's there are the chart's",
	`charts/collector/templates/_quantity.tpl: range initial $path | reverse: never empty`:                                                                                       "no quantity stands at the top of the values",
	`charts/collector/templates/networkpolicy.yaml: range $policy.senderNamespaces: never empty`:                                                                                 "the schema wants one",
	`charts/collector/templates/networkpolicy.yaml: range $policy.metricsNamespaces: never empty`:                                                                                "the schema wants one",
	`charts/pipelines/templates/_fluentbit.tpl: range $variables: never empty`:                                                                                                   "what it goes through is written out in the template",
	`templates/_aws.tpl: range $prefix, $name := $prefixes: never empty`:                                                                                                         "what it goes through is written out in the template",
	`templates/_checks.tpl: range $key := keys .Values.global | sortAlpha: never empty`:                                                                                          "the chart's own values are always there",
	`templates/_checks_credentials.tpl: range $value, $key := $secret.keys: never empty`:                                                                                         "the chart's own values are always there",
	`templates/_checks_unused.tpl: range $path, $default := .defaults: never empty`:                                                                                              "what it goes through is written out in the template",
	`templates/_checks_unused.tpl: range splitList "." $path: never empty`:                                                                                                       "what it goes through is written out in the template",
}

// runCovered runs the tests and then fails if a branch of the chart's templates was taken by none of them. A part of
// the tests proves nothing about that.
func runCovered(run func() int) int {
	if os.Getenv(chart.CoverDirVariable) != "" { // somebody collects the coverage of more than this package
		return run()
	}
	dir, err := os.MkdirTemp("", "render-coverage-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Setenv(chart.CoverDirVariable, dir)
	code := run()
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if flag.Lookup(name).Value.String() != "" {
			return code
		}
	}
	if code != 0 || testing.Short() {
		return code
	}
	if err := checkCoverage(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func checkCoverage(dir string) error {
	c, err := chart.Load(chartPath)
	if err != nil {
		return err
	}
	coverage := chart.NewCoverage(c)
	if err := coverage.ReadDir(dir); err != nil {
		return err
	}
	report := cover.New(coverage)
	var problems []error
	unknown := 0
	missing := map[string]bool{}
	for _, m := range report.Missing() {
		name := m.File + ": " + m.What()
		missing[name] = true
		if uncovered[name] == "" {
			unknown++
			problems = append(problems, fmt.Errorf("%s, by no test of this package; add one, or the reason why not to uncovered", m))
		}
	}
	for name := range uncovered {
		if !missing[name] {
			problems = append(problems, fmt.Errorf("%s: that is no longer so; remove it from uncovered", name))
		}
	}
	fmt.Printf("coverage of templates: %d of %d branches, %d of them known not to be taken\n",
		report.Branches.Covered, report.Branches.Total, report.Branches.Total-report.Branches.Covered-unknown)
	return errors.Join(problems...)
}

// engines are the charts that renderByEngine has loaded.
var engines sync.Map

// renderByEngine renders by tools/chart what helm has rendered: it has to be the same, and it counts what is reached.
func (i install) renderByEngine(t *testing.T, valuesFiles []string, manifest string, failed error) {
	if i.arguments != "" {
		return
	}
	load, _ := engines.LoadOrStore(i.chart, sync.OnceValues(func() (*chart.Chart, error) { return chart.Load(i.chart) }))
	c, err := load.(func() (*chart.Chart, error))()
	require.NoError(t, err)
	values, err := chart.Values(valuesFiles, nil)
	require.NoError(t, err)
	rendered, err := c.Render(values, chart.Release{Name: i.name, Namespace: i.namespace})
	if failed == nil {
		if assert.NoError(t, err, "helm renders it") {
			assert.Equal(t, strings.TrimSpace(manifest), strings.TrimSpace(rendered.Manifest), "helm and tools/chart differ")
		}
		return
	}
	assert.Error(t, err, "helm refuses it: %v", failed)
}
