// Package monitoring holds the tests of what the chart offers to Prometheus and Grafana: monitors, alerts, dashboard.
package monitoring

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// operator is the release of Prometheus Operator whose definitions the chart's objects are checked against.
const operator = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

// CRDs returns Prometheus Operator's CustomResourceDefinitions of PodMonitor, ServiceMonitor and PrometheusRule
// (monitoring.coreos.com/v1), one document each. They come with the operator's Go module, which is downloaded into the
// module cache where it is not there yet.
func CRDs(ctx context.Context) ([][]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", operator)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var module struct{ Dir, Error string }
	// On a failure go prints the same JSON, with Error set.
	if err := json.Unmarshal(stdout.Bytes(), &module); err != nil || module.Error != "" || runErr != nil {
		return nil, fmt.Errorf("go mod download %s: %s%s", operator, module.Error, strings.TrimSpace(stderr.String()))
	}
	var crds [][]byte
	for _, kind := range []string{"podmonitors", "servicemonitors", "prometheusrules"} {
		crd, err := os.ReadFile(filepath.Join(module.Dir, "example", "prometheus-operator-crd", "monitoring.coreos.com_"+kind+".yaml"))
		if err != nil {
			return nil, err
		}
		crds = append(crds, crd)
	}
	return crds, nil
}
