package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/archive"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
)

// collectorUser is that of ADOT's image.
const collectorUser = "4317"

// CollectorImage is the image that the chart in a checkout runs when its values name no other: repository and tag of the
// AWS Distro for OpenTelemetry Collector.
func CollectorImage(repository string) (string, error) {
	chart := filepath.Join(repository, "charts", "kyma-cloudwatch", "charts", "collector")
	var values struct {
		Image struct{ Repository string }
	}
	var metadata struct{ AppVersion string }
	for file, into := range map[string]any{"values.yaml": &values, "Chart.yaml": &metadata} {
		content, err := os.ReadFile(filepath.Join(chart, file))
		if err != nil {
			return "", err
		}
		if err := yaml.Unmarshal(content, into); err != nil {
			return "", fmt.Errorf("%s: %w", filepath.Join(chart, file), err)
		}
	}
	return values.Image.Repository + ":" + metadata.AppVersion, nil
}

// loadCollector puts a collector into every node, under the name that the chart asks for.
func (c *Cluster) loadCollector(ctx context.Context, repository, binary string, log *progress.Log) error {
	image, err := CollectorImage(repository)
	if err != nil {
		return err
	}
	file := filepath.Join(filepath.Dir(c.Kubeconfig), "collector.tar")
	layer := file + ".layer"
	defer os.Remove(file)
	defer os.Remove(layer)
	if err := archive.WriteLayer(layer, []archive.File{{Path: "awscollector", Source: binary}}); err != nil {
		return err
	}
	built, err := archive.NewImage(runtime.GOARCH, v1.Config{User: collectorUser, Entrypoint: []string{"/awscollector"}}, layer)
	if err != nil {
		return err
	}
	if loaded, err := c.hasImage(image, built); err != nil || loaded {
		return err
	}
	return log.Step("Loading "+image, func() error {
		if err := archive.Write(file, map[string]v1.Image{image: built}); err != nil {
			return err
		}
		return c.LoadImages(ctx, file)
	})
}

// hasImage says whether all nodes have this image by this name.
func (c *Cluster) hasImage(name string, image v1.Image) (bool, error) {
	id, err := image.ConfigName()
	if err != nil {
		return false, err
	}
	all, err := c.provider.ListInternalNodes(c.Name)
	if err != nil {
		return false, err
	}
	for _, node := range all {
		if loaded, err := nodeutils.ImageID(node, name); err != nil || loaded != id.String() {
			return false, nil // an error says that there is none
		}
	}
	return true, nil
}
