package chart_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// renders is how many generated values files TestGeneratedValuesRenderAsByHelm renders:
// go test ./tools/chart -run Generated -renders 200000
var renders = flag.Int("renders", 20000, "generated values files to compare with Helm")

const umbrella = "../../charts/kyma-cloudwatch"

// subject is a chart under test, with the values that it comes with.
type subject struct {
	name  string
	chart *chart.Chart
	judge *judge
	// coverage renders half of the generated values.
	coverage *chart.Coverage
	bases    [][]byte
}

func load(t testing.TB, name, at string) *subject {
	t.Helper()
	s := &subject{name: name}
	var err error
	s.judge, err = newJudge(at)
	c, ours := chart.Load(at)
	if err != nil {
		require.ErrorContains(t, ours, err.Error(), "%s: Helm refuses it", name)
		return nil
	}
	require.NoError(t, ours, name)
	s.chart, s.coverage = c, chart.NewCoverage(c)
	s.bases = [][]byte{[]byte("{}")}
	loaded, err := s.judge.load()
	require.NoError(t, err)
	if defaults, err := yaml.Marshal(loaded.Values); err == nil && len(loaded.Values) > 0 {
		s.bases = append(s.bases, defaults)
	}
	// What can be set of subcharts is seen best with their own defaults written out.
	whole := map[string]any{}
	for _, subchart := range loaded.Dependencies() {
		whole[subchart.Name()] = subchart.Values
	}
	for key, value := range loaded.Values {
		whole[key] = value
	}
	if all, err := yaml.Marshal(whole); err == nil && len(whole) > 0 {
		s.bases = append(s.bases, all)
	}
	return s
}

// releases are renderings in all that a rendering may be told, the plain one most often.
func releases(random *rand.Rand) chart.Release {
	r := chart.Release{Name: "demo", Namespace: "aws"}
	switch random.IntN(8) {
	case 0:
		r.Strict = true
	case 1:
		r.Lint = true
	case 2:
		r.Upgrade, r.KubeVersion, r.APIVersions = true, "v1.21.7-eks", []string{"example.com/v1", "apps/v1"}
	case 3:
		r.IncludeCRDs = true
	}
	return r
}

func repositoryCharts(t testing.TB) map[string]string {
	found := map[string]string{}
	for _, root := range []string{"../../charts", "../../examples"} {
		require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Name() == "Chart.yaml" {
				found[strings.TrimPrefix(filepath.Dir(name), "../../")] = filepath.Dir(name)
			}
			return err
		}))
	}
	return found
}

// helmCharts are the charts in the sources of Helm, good and bad ones.
func helmCharts(t testing.TB) map[string]string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "helm.sh/helm/v3").Output()
	require.NoError(t, err)
	root := strings.TrimSpace(string(out))
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if short := strings.TrimPrefix(name, root+"/"); entry.Name() == "Chart.yaml" {
			found[filepath.Dir(short)] = filepath.Dir(name)
		} else if strings.HasSuffix(name, ".tgz") {
			found[short] = name
		}
		return nil
	}))
	require.Greater(t, len(found), 150)
	return found
}

// subjects loads what can be loaded; those that Helm refuses have been seen to be refused alike.
func subjects(t testing.TB, charts ...map[string]string) []*subject {
	var all []*subject
	for _, found := range charts {
		for name, at := range found {
			if s := load(t, name, at); s != nil {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b *subject) int { return strings.Compare(a.name, b.name) })
	return all
}

func addExamples(t testing.TB, s *subject) {
	examples, err := filepath.Glob("../../examples/*/values.yaml")
	require.NoError(t, err)
	for _, example := range examples {
		text, err := os.ReadFile(example)
		require.NoError(t, err)
		s.bases = append(s.bases, text)
	}
}

func TestEveryChartRendersAsByHelm(t *testing.T) {
	all := subjects(t, repositoryCharts(t), helmCharts(t), nasty(t))
	rendered, refused := 0, 0
	for _, s := range all {
		if strings.HasSuffix(s.name, "kyma-cloudwatch") {
			addExamples(t, s)
		}
		for _, base := range s.bases {
			for _, r := range []chart.Release{
				{Name: "demo", Namespace: "aws"}, {Name: "demo", Strict: true}, {Name: "demo", Lint: true},
				{Name: "demo", Namespace: "n", IncludeCRDs: true, Upgrade: true, KubeVersion: "1.20", APIVersions: []string{"a/v1"}},
				{Name: "", Namespace: "x"}, {Name: "Not_A_Name"}, {Name: strings.Repeat("x", 54)},
			} {
				values, err := parse(base)
				require.NoError(t, err)
				again, err := parse(base)
				require.NoError(t, err)
				isRefused, err := compare(s.chart.Render, s.judge, values, again, r)
				assert.NoError(t, err, "%s with %+v and\n%s", s.name, r, base)
				assert.Equal(t, values, again, "%s: the values are changed", s.name)
				if isRefused {
					refused++
				} else {
					rendered++
				}
			}
		}
	}
	t.Logf("%d charts: %d renderings and %d errors are those of Helm", len(all), rendered, refused)
	assert.Greater(t, rendered, 400)
	assert.Greater(t, refused, 400)
}

func TestGeneratedValuesRenderAsByHelm(t *testing.T) {
	// Most renderings go to the charts made to be difficult, which are also fast; the umbrella chart takes Helm twenty
	// times as long.
	difficult := subjects(t, nasty(t))
	archives, err := filepath.Glob("testdata/nasty/*.txtar")
	require.NoError(t, err)
	require.Len(t, difficult, len(archives), "Helm refuses to load one")
	own := load(t, "kyma-cloudwatch", umbrella)
	addExamples(t, own)
	type job struct {
		subject *subject
		seed    uint64
	}
	jobs := make(chan job)
	var done, failed atomic.Int64
	group, ctx := errgroup.WithContext(context.Background())
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for job := range jobs {
				random := rand.New(rand.NewPCG(job.seed, 0))
				text, err := mutator{random}.generate(job.subject.bases)
				if err != nil {
					return fmt.Errorf("%s, seed %d: %w", job.subject.name, job.seed, err)
				}
				values, err := parse(text)
				if err != nil {
					return err
				}
				again, err := parse(text)
				if err != nil {
					return err
				}
				r := releases(random)
				render := job.subject.chart.Render
				if job.seed%2 == 0 { // recording what is reached changes nothing
					render = func(values map[string]any, r chart.Release) (*chart.Rendered, error) {
						return job.subject.coverage.Render(values, r, "generated")
					}
				}
				refused, err := compare(render, job.subject.judge, values, again, r)
				if err != nil {
					return fmt.Errorf("%s, seed %d, %+v, %w\nvalues:\n%s", job.subject.name, job.seed, r, err, text)
				}
				if refused {
					failed.Add(1)
				}
				done.Add(1)
			}
			return nil
		})
	}
feed:
	for seed := range *renders {
		s := own
		if seed%50 != 0 {
			s = difficult[seed%len(difficult)]
		}
		select {
		case jobs <- job{s, uint64(seed)}:
		case <-ctx.Done():
			break feed
		}
	}
	close(jobs)
	require.NoError(t, group.Wait())
	t.Logf("%d generated values files of %d charts render as by Helm %s, %d of them to an error",
		done.Load(), len(difficult)+1, chart.HelmVersion, failed.Load())
	assert.EqualValues(t, *renders, done.Load())
}

// FuzzRender takes any values file for any chart made to be difficult:
// go test ./tools/chart -run '^$' -fuzz FuzzRender
func FuzzRender(f *testing.F) {
	all := subjects(f, nasty(f))
	for i, s := range all {
		for _, base := range s.bases {
			f.Add(uint(i), base)
		}
	}
	f.Fuzz(func(t *testing.T, which uint, text []byte) {
		s := all[which%uint(len(all))]
		values, err := parse(text)
		if err != nil || strings.Contains(string(text), "{{") {
			t.Skip() // Helm does not bound what a text given to tpl may do, such as include itself without end
		}
		again, err := parse(text)
		require.NoError(t, err)
		if _, err := compare(s.chart.Render, s.judge, values, again, chart.Release{Name: "demo", Namespace: "aws"}); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	})
}
