// Package chart loads a Helm chart once and renders it any number of times as `helm template` does, byte for byte,
// without starting a process: its templates are parsed once, its schema is compiled once, and renderings may run in
// parallel.
//
// It is Helm 3.22: the order and text of objects, notes, errors and their positions are those of Helm's SDK, which
// judges the package in its tests. Where Helm itself answers another each time, one of its answers is given: the order
// of subcharts that Chart.yaml does not list, of CRDs and of a schema's messages. Random functions are random.
// `helm template` adds to the message of a failed template the advice to use --debug; the errors here end before it.
// .Capabilities has the API versions of the client-go that this module is built with, and Kubernetes
// [DefaultKubeVersion] where a [Release] does not say which.
//
// Helm 4.3.1 renders the same objects, with these known differences:
//   - It leaves the blank space at the end of a document, and takes "---" right after "---" as a separator.
//   - It drops null in a chart's own values, which Helm 3.22 hands to templates.
//   - .Chart given to toYaml or toJson has the names of Go fields (Name), not those of Chart.yaml (name).
//   - A subchart with dependencies of its own that stands under several aliases has them, and their import-values,
//     under each; in Helm 3.22 under the first alias only.
//   - sortAlpha does not sort .Chart.Keywords and .Chart.Sources themselves.
//   - .Capabilities.HelmVersion; messages of failed templates stand on several lines, others have a prefix.
package chart

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"helm.sh/helm/v3/pkg/action"
	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/getter"
	"helm.sh/helm/v3/pkg/ignore"
	"sigs.k8s.io/yaml"
)

// Chart is a loaded chart. It may be rendered any number of times, also concurrently.
type Chart struct {
	// loaded is never changed: what Helm's code changes is a copy.
	loaded *helmchart.Chart
	// refusal is why `helm template` renders it with no values at all: a library, a subchart that is missing.
	refusal error
	schemas schemas
	// sources are the texts of the templates by their paths in the chart, paths those of the files.
	sources map[string]string
	paths   map[*helmchart.File]string
	// whole is whether no chart of the tree declares dependencies, so that values cannot disable a subchart.
	whole bool

	mutex    sync.Mutex
	variants map[string]*variant // by the subcharts that are enabled

	automatic automatic
}

// Load reads the chart in a folder or packaged in a .tgz file. A folder is read as the helm command does: .helmignore
// counts, and a symbolic link, such as one to a dependency, is followed.
func Load(name string) (*Chart, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("no chart at %s: %w", name, err)
	}
	if info.IsDir() {
		loaded, err := loader.LoadDir(name)
		if err != nil {
			return nil, fmt.Errorf("%s is not a chart: %w", name, err)
		}
		return newChart(loaded), nil
	}
	loaded, err := loader.LoadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s is not a packaged chart: %w", name, err)
	}
	return newChart(loaded), nil
}

// LoadFS reads the chart in folder root of a file system, such as one embedded in the program. As from a folder,
// files that .helmignore names are not part of the chart.
func LoadFS(fsys fs.FS, root string) (*Chart, error) {
	rules := ignore.Empty()
	if text, err := fs.ReadFile(fsys, path.Join(root, ignore.HelmIgnore)); err == nil {
		if rules, err = ignore.Parse(bytes.NewReader(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", path.Join(root, ignore.HelmIgnore), err)
		}
	}
	rules.AddDefaults()
	var files []*loader.BufferedFile
	err := fs.WalkDir(fsys, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == root {
			return err
		}
		relative := name
		if root != "." {
			relative = strings.TrimPrefix(name, strings.TrimSuffix(root, "/")+"/")
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if rules.Ignore(relative, info) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		files = append(files, &loader.BufferedFile{Name: relative, Data: bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the chart: %w", err)
	}
	loaded, err := loader.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("not a chart: %w", err)
	}
	return newChart(loaded), nil
}

func newChart(loaded *helmchart.Chart) *Chart {
	sortSubcharts(loaded)
	c := &Chart{
		loaded: loaded, whole: declaresNothing(loaded), variants: map[string]*variant{},
		sources: map[string]string{}, paths: map[*helmchart.File]string{},
	}
	sourcesOf(loaded, "", c.sources, c.paths)
	switch kind := loaded.Metadata.Type; kind {
	case "", "application":
		if dependencies := loaded.Metadata.Dependencies; dependencies != nil {
			if err := action.CheckDependencies(loaded, dependencies); err != nil {
				//lint:ignore ST1005 the text is Helm's
				c.refusal = fmt.Errorf("An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies: %w", err)
			}
		}
	default:
		c.refusal = fmt.Errorf("%s charts are not installable", kind)
	}
	return c
}

// sortSubcharts gives the subcharts of a folder an order. Helm reads them in another one each time, which can be seen
// in the order of CRDs and of a schema's messages.
func sortSubcharts(c *helmchart.Chart) {
	subcharts := slices.Clone(c.Dependencies())
	slices.SortStableFunc(subcharts, func(a, b *helmchart.Chart) int {
		return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Metadata.Version, b.Metadata.Version))
	})
	c.SetDependencies(subcharts...)
	for _, subchart := range subcharts {
		sortSubcharts(subchart)
	}
}

func declaresNothing(c *helmchart.Chart) bool {
	return c.Metadata.Dependencies == nil && !slices.ContainsFunc(c.Dependencies(), func(subchart *helmchart.Chart) bool {
		return !declaresNothing(subchart)
	})
}

// Values merges values files and --set expressions as the helm command does: files in their order, later ones
// win, then the expressions.
func Values(files, set []string) (map[string]any, error) {
	options := values.Options{ValueFiles: files, Values: set}
	return options.MergeValues(getter.All(cli.New()))
}

// Object is one rendered Kubernetes object.
type Object map[string]any

// Kind of the object, such as "StatefulSet".
func (o Object) Kind() string { kind, _ := o["kind"].(string); return kind }

// Name of the object.
func (o Object) Name() string {
	metadata, _ := o["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return name
}

// Decode fills a typed object, such as *appsv1.StatefulSet; unknown fields are an error.
func (o Object) Decode(into any) error {
	data, err := yaml.Marshal(o)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		return fmt.Errorf("%s %s: %w", o.Kind(), o.Name(), err)
	}
	return nil
}

// DecodeKnown fills those fields of the object that into has.
func (o Object) DecodeKnown(into any) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s %s: %w", o.Kind(), o.Name(), err)
	}
	return nil
}

// Objects parses the manifest. Numbers are float64, as JSON has them.
func (r *Rendered) Objects() ([]Object, error) {
	var objects []Object
	for _, document := range strings.Split("\n"+r.Manifest, "\n---") {
		if len(bytes.TrimSpace([]byte(document))) == 0 {
			continue
		}
		var object Object
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return nil, fmt.Errorf("rendered object: %w\n%s", err, document)
		}
		if len(object) > 0 {
			objects = append(objects, object)
		}
	}
	return objects, nil
}
