package preview

import (
	"fmt"
	"io"
	"os"
	"strings"

	sigsyaml "sigs.k8s.io/yaml"

	"go.yaml.in/yaml/v3"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/localpod"
)

// WriteConfig writes the configuration that the release's collector runs with, as its container gets it. Several --config
// sources are merged as the collector does.
func WriteConfig(w io.Writer, objects []chart.Object, namespace string) error {
	dir, err := os.MkdirTemp("", "kcw-preview-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := localpod.New(objects, namespace, localpod.Region(objects), dir)
	if err != nil {
		return err
	}
	if len(p.Configs) == 1 {
		_, err := fmt.Fprintln(w, strings.TrimRight(p.Configs[0].Original, "\n"))
		return err
	}
	originals := make([]localpod.Config, 0, len(p.Configs))
	for _, c := range p.Configs {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(c.Original), &tree); err != nil {
			return fmt.Errorf("%s: %w", c.Source, err)
		}
		originals = append(originals, localpod.Config{Tree: tree})
	}
	out, err := yaml.Marshal(localpod.Merge(originals))
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// WriteConfigMaps writes the rendered ConfigMaps.
func WriteConfigMaps(w io.Writer, objects []chart.Object) error {
	found := false
	for _, object := range objects {
		if object.Kind() != "ConfigMap" {
			continue
		}
		out, err := sigsyaml.Marshal(object)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", out); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("the release has no ConfigMap: it runs no collector")
	}
	return nil
}
