// Package bench measures what a collector's configuration costs: CPU and memory of its process, requests and bytes to AWS,
// and the time from a record's start to AWS having it. The chart's profiles are measured side by side with the least that a
// collector can do, and with the configurations of guides that have no queue, all in one run on one machine.
//
// The collector is a process of its own. It is fed by OTLP batches of the sizes of Kyma's gateway, encoded beforehand, and
// sends to a stand-in that answers as AWS does but keeps nothing: what they cost is not counted.
package bench

import (
	"embed"
	"fmt"

	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/charts"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

//go:embed configs
var configs embed.FS

// region is that of the configurations in configs, too.
const region = "eu-north-1"

var release = chart.Release{Name: "cloudwatch", Namespace: "kyma-cloudwatch"}

// Profile is a configuration to measure.
type Profile struct {
	// Name stands in the report: "floor", "reference", "newer-guide", "otlp, queued" and so on.
	Name string
	// Signals that it serves.
	Signals []gateway.Signal
	// objects renders it for one signal.
	objects func(gateway.Signal) ([]chart.Object, error)
	// goals are the most that it may cost: a ratio to the reference's, for logs to the floor's CPU time. 0 is none.
	goals map[gateway.Signal]float64
}

// The names of the profiles that others are compared with.
const (
	Floor      = "floor"
	Reference  = "reference"
	NewerGuide = "newer-guide"
)

var signals = []gateway.Signal{gateway.Traces, gateway.Metrics, gateway.Logs}

// own is the exporter of a signal that speaks the AWS service's own API.
var own = map[gateway.Signal]string{gateway.Traces: "xray", gateway.Metrics: "emf", gateway.Logs: "cloudwatchlogs"}

func goals(traces, metrics, logs float64) map[gateway.Signal]float64 {
	return map[gateway.Signal]float64{gateway.Traces: traces, gateway.Metrics: metrics, gateway.Logs: logs}
}

// Profiles lists what there is to measure, the profiles of comparison first. Set are values over those of the chart's profiles.
func Profiles(set map[string]any) ([]Profile, error) {
	all := []Profile{
		{Name: Floor, Signals: signals, objects: plain("configs/floor.yaml")},
		{Name: Reference, Signals: []gateway.Signal{gateway.Traces, gateway.Metrics}, objects: plain("configs/reference.yaml")},
		{Name: NewerGuide, Signals: signals, objects: plain("configs/newer-guide.yaml")},
	}
	text, err := charts.Files.ReadFile("kyma-cloudwatch/charts/collector/values.yaml")
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	deliveries := []string{"queued", "acknowledged"}
	if _, has := values["delivery"]; !has {
		deliveries = deliveries[:1]
	}
	of := map[string]map[gateway.Signal]float64{
		"otlp, queued": goals(0.25, 0.75, 3), "otlp, acknowledged": goals(0.18, 0.60, 2),
		"own API, queued": goals(1.0, 1.2, 4), "own API, acknowledged": goals(0.85, 1.0, 3),
	}
	for _, native := range []bool{true, false} {
		for _, delivery := range deliveries {
			name := "own API, " + delivery
			if native {
				name = "otlp, " + delivery
			}
			all = append(all, Profile{Name: name, Signals: signals, goals: of[name], objects: func(signal gateway.Signal) ([]chart.Object, error) {
				global := map[string]any{"aws": map[string]any{"region": region, "auth": map[string]any{"secret": map[string]any{"name": "aws-credentials"}}}}
				for _, s := range signals {
					exporter := own[s]
					if native {
						exporter = "otlp"
					}
					global[string(s)] = map[string]any{"enabled": s == signal, "exporter": exporter}
				}
				values := map[string]any{"global": global}
				if len(deliveries) > 1 {
					values["collector"] = map[string]any{"delivery": delivery}
				}
				// Both copied from: the caller's values stay as they are.
				return render(chartutil.CoalesceTables(deepCopy(set), values))
			}})
		}
	}
	return all, nil
}

func deepCopy(values map[string]any) map[string]any {
	copied := map[string]any{}
	for key, value := range values {
		if object, ok := value.(map[string]any); ok {
			value = deepCopy(object)
		}
		copied[key] = value
	}
	return copied
}

func render(values map[string]any) ([]chart.Object, error) {
	c, err := chart.LoadFS(charts.Files, "kyma-cloudwatch")
	if err != nil {
		return nil, err
	}
	rendered, err := c.Render(values, release)
	if err != nil {
		return nil, err
	}
	return rendered.Objects()
}

// plain puts a configuration file into the objects that a pod needs. Pipelines of other signals stay in it, unused.
func plain(file string) func(gateway.Signal) ([]chart.Object, error) {
	return func(gateway.Signal) ([]chart.Object, error) {
		text, err := configs.ReadFile(file)
		if err != nil {
			return nil, err
		}
		secret := func(key string) map[string]any {
			return map[string]any{"name": key, "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "aws-credentials", "key": key}}}
		}
		return []chart.Object{
			{"kind": "ConfigMap", "metadata": map[string]any{"name": "collector"}, "data": map[string]any{"config.yaml": string(text)}},
			{"kind": "Deployment", "metadata": map[string]any{"name": "collector"}, "spec": map[string]any{"template": map[string]any{"spec": map[string]any{
				"containers": []any{map[string]any{
					"name": "collector", "args": []any{"--config=/etc/otelcol/config.yaml"},
					"env":          []any{secret("AWS_ACCESS_KEY_ID"), secret("AWS_SECRET_ACCESS_KEY")},
					"ports":        []any{map[string]any{"name": "grpc-otlp", "containerPort": 4317}},
					"volumeMounts": []any{map[string]any{"name": "config", "mountPath": "/etc/otelcol"}},
				}},
				"volumes": []any{map[string]any{"name": "config", "configMap": map[string]any{"name": "collector"}}},
			}}}},
		}, nil
	}
}

// goal says what a profile may cost for a signal, and what that is compared with.
func (p Profile) goal(signal gateway.Signal) (most float64, than string) {
	if signal == gateway.Logs {
		return p.goals[signal], Floor
	}
	return p.goals[signal], Reference
}

func (p Profile) String() string { return fmt.Sprintf("profile %q", p.Name) }
