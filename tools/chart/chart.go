// Package chart loads a Helm chart and renders it as `helm template` does, without starting a process.
package chart

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/getter"
	"helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/registry"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	"sigs.k8s.io/yaml"
)

// Chart is a loaded chart. It may be rendered any number of times, also concurrently.
type Chart struct {
	// files are kept instead of Helm's parsed chart, whose values a rendering changes.
	files []*loader.BufferedFile
}

// Load reads the chart in a folder or packaged in a .tgz file. A folder is read as the helm command does: .helmignore
// counts, and a symbolic link, such as one to a dependency, is followed.
func Load(path string) (*Chart, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("no chart at %s: %w", path, err)
	}
	if !info.IsDir() {
		archive, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer archive.Close()
		files, err := loader.LoadArchiveFiles(archive)
		if err != nil {
			return nil, fmt.Errorf("%s is not a packaged chart: %w", path, err)
		}
		return newChart(files)
	}
	loaded, err := loader.LoadDir(path)
	if err != nil {
		return nil, fmt.Errorf("%s is not a chart: %w", path, err)
	}
	files := make([]*loader.BufferedFile, 0, len(loaded.Raw))
	for _, file := range loaded.Raw {
		files = append(files, &loader.BufferedFile{Name: file.Name, Data: file.Data})
	}
	return newChart(files)
}

// LoadFS reads the chart in folder root of a file system, such as one embedded in the program.
func LoadFS(fsys fs.FS, root string) (*Chart, error) {
	var files []*loader.BufferedFile
	err := fs.WalkDir(fsys, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		relative := strings.TrimPrefix(name, strings.TrimSuffix(root, "/")+"/")
		if root == "." {
			relative = name
		}
		files = append(files, &loader.BufferedFile{Name: filepath.ToSlash(relative), Data: data})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the chart: %w", err)
	}
	return newChart(files)
}

func newChart(files []*loader.BufferedFile) (*Chart, error) {
	c := &Chart{files: files}
	if _, err := loader.LoadFiles(c.files); err != nil {
		return nil, fmt.Errorf("not a chart: %w", err)
	}
	return c, nil
}

// DefaultKubeVersion is the Kubernetes version that a rendering assumes. Helm's own default is set when its
// command is linked, and is v1.20 in programs that use Helm as a library.
const DefaultKubeVersion = "1.36.3"

// Release is what a rendering is told about the release.
type Release struct {
	// Name of the release, at most 53 characters (Helm's rule).
	Name string
	// Namespace of the release.
	Namespace string
	// KubeVersion such as "1.36.3"; empty takes DefaultKubeVersion.
	KubeVersion string
	// Upgrade renders as `helm template --is-upgrade`.
	Upgrade bool
}

// Values merges values files and --set expressions as the helm command does: files in their order, later ones
// win, then the expressions.
func Values(files, set []string) (map[string]any, error) {
	options := values.Options{ValueFiles: files, Values: set}
	return options.MergeValues(getter.All(cli.New()))
}

// Rendered is the outcome of a rendering.
type Rendered struct {
	// Manifest holds the objects as `helm template` prints them, hooks last.
	Manifest string
	// Notes is the text of NOTES.txt.
	Notes string
}

// Render renders the chart. Errors have Helm's text: a schema's refusal, a template's failure with its position.
func (c *Chart) Render(values map[string]any, release Release) (*Rendered, error) {
	loaded, err := loader.LoadFiles(c.files)
	if err != nil {
		return nil, err
	}
	client, err := registry.NewClient()
	if err != nil {
		return nil, err
	}
	install := action.NewInstall(&action.Configuration{
		Capabilities:   chartutil.DefaultCapabilities,
		Releases:       storage.Init(driver.NewMemory()),
		KubeClient:     &fake.PrintingKubeClient{Out: io.Discard},
		RegistryClient: client,
		Log:            func(string, ...any) {},
	})
	install.ReleaseName = release.Name
	install.Namespace = release.Namespace
	install.IsUpgrade = release.Upgrade
	install.DryRun, install.ClientOnly, install.Replace = true, true, true
	version, err := chartutil.ParseKubeVersion(cmp.Or(release.KubeVersion, DefaultKubeVersion))
	if err != nil {
		return nil, fmt.Errorf("version %q of Kubernetes: %w", release.KubeVersion, err)
	}
	install.KubeVersion = version
	done, err := install.Run(loaded, values)
	if err != nil {
		return nil, err
	}
	var manifest strings.Builder
	fmt.Fprintln(&manifest, strings.TrimSpace(done.Manifest))
	for _, hook := range done.Hooks {
		fmt.Fprintf(&manifest, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	return &Rendered{Manifest: manifest.String(), Notes: done.Info.Notes}, nil
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
