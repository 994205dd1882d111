package chart

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// DefaultKubeVersion is the Kubernetes version that a rendering assumes, which is that of the helm command of
// [HelmVersion] without a cluster.
const DefaultKubeVersion = "1.37.0"

// HelmVersion is the release of Helm that a rendering is identical to, and that templates see.
const HelmVersion = "v3.22.0"

// Release is what a rendering is told about the release and about the cluster.
type Release struct {
	// Name of the release, at most 53 characters (Helm's rule).
	Name string
	// Namespace of the release.
	Namespace string
	// KubeVersion such as "1.36.3"; empty takes DefaultKubeVersion.
	KubeVersion string
	// APIVersions are added to those that .Capabilities knows, as by `helm template --api-versions`.
	APIVersions []string
	// Upgrade renders as `helm template --is-upgrade`.
	Upgrade bool
	// IncludeCRDs renders as `helm template --include-crds`.
	IncludeCRDs bool
	// Strict makes a value that is missing an error where a template reads it, as `helm lint --strict` does.
	Strict bool
	// Lint lets required and fail pass, as `helm lint` does.
	Lint bool
	// Cluster holds the objects that lookup finds. Without any, it finds nothing, as in `helm template`.
	Cluster []Object
}

// Rendered is the outcome of a rendering.
type Rendered struct {
	// Manifest holds the objects as `helm template` prints them, hooks last.
	Manifest string
	// Notes is the text of NOTES.txt.
	Notes string
}

// variant is a chart tree with one set of enabled subcharts, and its templates.
type variant struct {
	chart     *helmchart.Chart
	files     map[*helmchart.Chart]any // what templates see as .Files
	sources   map[string]string        // the paths in the chart by the names of templates
	templates *templateSet
}

// maxVariants bounds the sets of enabled subcharts that are kept.
const maxVariants = 64

// Render renders the chart. Errors have Helm's text: a schema's refusal, a template's failure with its position. The
// values are not changed.
func (c *Chart) Render(values map[string]any, release Release) (*Rendered, error) {
	if dir := os.Getenv(CoverDirVariable); dir != "" {
		return c.renderRecorded(values, release, dir)
	}
	return c.render(values, release, func(*variant) *recorder { return nil })
}

func (c *Chart) render(values map[string]any, release Release, newRecorder func(*variant) *recorder) (*Rendered, error) {
	capabilities, err := release.capabilities()
	if err != nil {
		return nil, err
	}
	if c.refusal != nil {
		return nil, c.refusal
	}
	if err := chartutil.ValidateReleaseName(release.Name); err != nil {
		return nil, fmt.Errorf("release name %q: %w", release.Name, err)
	}
	v, err := c.variant(values)
	if err != nil {
		return nil, err
	}
	coalesced, err := coalesceValues(v.chart, values)
	if err != nil {
		return nil, err
	}
	if err := c.schemas.validate(v.chart, coalesced); err != nil {
		return nil, fmt.Errorf("values don't meet the specifications of the schema(s) in the following chart(s):\n%w", err)
	}
	if wanted := v.chart.Metadata.KubeVersion; wanted != "" && !chartutil.IsCompatibleRange(wanted, capabilities.KubeVersion.String()) {
		return nil, fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", wanted, capabilities.KubeVersion.String())
	}
	files, err := v.templates.execute(func() map[string]*templateData {
		if coalesced == nil { // given to the first attempt
			coalesced, _ = coalesceValues(v.chart, values)
		}
		data := v.templateData(coalesced, release, capabilities)
		coalesced = nil
		return data
	}, release, newRecorder(v))
	if err != nil {
		return nil, err
	}
	rendered := &Rendered{Notes: files[path.Join(v.chart.Name(), "templates", notesName)]}
	rendered.Manifest, err = manifest(v.chart, files, release.IncludeCRDs)
	if err != nil {
		return nil, err
	}
	return rendered, nil
}

func (r Release) capabilities() (*chartutil.Capabilities, error) {
	version, err := chartutil.ParseKubeVersion(cmp.Or(r.KubeVersion, DefaultKubeVersion))
	if err != nil {
		return nil, fmt.Errorf("version %q of Kubernetes: %w", r.KubeVersion, err)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	capabilities.HelmVersion.Version = HelmVersion
	capabilities.APIVersions = slices.Concat(capabilities.APIVersions, r.APIVersions)
	return capabilities, nil
}

// templateData returns what each template is executed with.
func (v *variant) templateData(values chartutil.Values, release Release, capabilities *chartutil.Capabilities) map[string]*templateData {
	data := map[string]*templateData{}
	gather(v.chart, v.files, chartutil.Values{
		"Values":       values,
		"Capabilities": capabilities,
		"Release": map[string]any{
			"Name":      release.Name,
			"Namespace": release.Namespace,
			"IsUpgrade": release.Upgrade,
			"IsInstall": !release.Upgrade,
			"Revision":  1,
			"Service":   "Helm",
		},
	}, data)
	return data
}

// variant returns the chart with the subcharts that the values enable.
func (c *Chart) variant(values map[string]any) (*variant, error) {
	var enabled string
	if !c.whole {
		tree := copyChart(c.loaded)
		if err := enableDependencies(tree, values, ""); err != nil {
			return nil, err
		}
		enabled = treeOf(tree)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if v := c.variants[enabled]; v != nil {
		return v, nil
	}
	tree := copyChart(c.loaded)
	if err := chartutil.ProcessDependenciesWithMerge(tree, values); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	v := &variant{chart: tree, files: map[*helmchart.Chart]any{}, sources: map[string]string{}}
	c.templateTexts(tree, texts, v.sources)
	v.templates = newTemplateSet(texts)
	if err := v.takeFiles(tree); err != nil {
		return nil, err
	}
	if len(c.variants) >= maxVariants {
		clear(c.variants)
	}
	c.variants[enabled] = v
	return v, nil
}

// takeFiles has Helm make .Files, whose type is not public and can be seen in error messages.
func (v *variant) takeFiles(c *helmchart.Chart) error {
	var taken taker
	probe := &helmchart.Chart{
		Metadata:  &helmchart.Metadata{Name: "probe"},
		Files:     c.Files,
		Templates: []*helmchart.File{{Name: "templates/take", Data: []byte("{{ .Values.taker.Take .Files }}")}},
	}
	if _, err := engine.Render(probe, chartutil.Values{"Values": chartutil.Values{"taker": &taken}}); err != nil {
		return err
	}
	v.files[c] = taken.value
	for _, subchart := range c.Dependencies() {
		if err := v.takeFiles(subchart); err != nil {
			return err
		}
	}
	return nil
}

type taker struct{ value any }

// Take keeps what a template gives it.
func (t *taker) Take(value any) string { t.value = value; return "" }

// treeOf tells one set of subcharts from another.
func treeOf(c *helmchart.Chart) string {
	var tree strings.Builder
	var write func(*helmchart.Chart)
	write = func(c *helmchart.Chart) {
		fmt.Fprintf(&tree, "%s %s(", c.Metadata.Name, c.Metadata.Version)
		for _, subchart := range c.Dependencies() {
			write(subchart)
		}
		tree.WriteByte(')')
	}
	write(c)
	return tree.String()
}

// copyChart copies what Helm's handling of dependencies changes: the tree and its metadata.
func copyChart(c *helmchart.Chart) *helmchart.Chart {
	duplicate := &helmchart.Chart{
		Metadata: copyMetadata(c.Metadata), Lock: c.Lock, Templates: c.Templates, Values: c.Values, Schema: c.Schema, Files: c.Files,
	}
	for _, subchart := range c.Dependencies() {
		duplicate.AddDependency(copyChart(subchart))
	}
	return duplicate
}

// copyMetadata copies also the lists, as sortAlpha sorts in place what a template gives it.
func copyMetadata(metadata *helmchart.Metadata) *helmchart.Metadata {
	duplicate := *metadata
	duplicate.Keywords, duplicate.Sources = slices.Clone(metadata.Keywords), slices.Clone(metadata.Sources)
	duplicate.Dependencies = slices.Clone(metadata.Dependencies)
	for i, dependency := range duplicate.Dependencies {
		if dependency == nil {
			continue
		}
		one := *dependency
		one.Tags = slices.Clone(dependency.Tags)
		one.ImportValues, _ = copyValue(dependency.ImportValues).([]any)
		duplicate.Dependencies[i] = &one
	}
	return &duplicate
}
