package gateway

import (
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/cumulativetodeltaprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

var (
	transformFactory = transformprocessor.NewFactory()
	filterFactory    = filterprocessor.NewFactory()
	deltaFactory     = cumulativetodeltaprocessor.NewFactory()
	batchFactory     = batchprocessor.NewFactory()
	grpcFactory      = otlpexporter.NewFactory()
	httpFactory      = otlphttpexporter.NewFactory()
)

func (p Pipeline) exporterFactory() exporter.Factory {
	if p.Protocol == HTTP {
		return httpFactory
	}
	return grpcFactory
}

// configure reads settings into a component's default configuration, as the collector reads its file.
func configure(factory component.Factory, settings map[string]any) (component.Config, error) {
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(settings).Unmarshal(config); err != nil {
		return nil, err
	}
	if err := xconfmap.Validate(config); err != nil {
		return nil, err
	}
	return config, nil
}

// ottlField is the key of a signal's OTTL in the transform and filter processors: trace_statements, log_conditions.
func (s Signal) ottlField(suffix string) string {
	return map[Signal]string{Traces: "trace", Metrics: "metric", Logs: "log"}[s] + "_" + suffix
}

func list(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

// transformConfig is Kyma's transform/user-defined-NAME. With error_mode ignore a statement that fails
// on an item leaves the item as it is.
func (p Pipeline) transformConfig(transforms []Transform) (component.Config, error) {
	var groups []any
	for _, t := range transforms {
		group := map[string]any{"statements": list(t.Statements)}
		if len(t.Conditions) > 0 {
			group["conditions"] = list(t.Conditions)
		}
		groups = append(groups, group)
	}
	return configure(transformFactory, map[string]any{"error_mode": "ignore", p.Signal.ottlField("statements"): groups})
}

// filterConfig is Kyma's filter/user-defined-NAME.
func (p Pipeline) filterConfig(filters []Filter) (component.Config, error) {
	var groups []any
	for _, f := range filters {
		groups = append(groups, map[string]any{"conditions": list(f.Conditions)})
	}
	return configure(filterFactory, map[string]any{"error_mode": "ignore", p.Signal.ottlField("conditions"): groups})
}

func deltaConfig(keepFirstPoints bool) (component.Config, error) {
	initial := "auto"
	if keepFirstPoints {
		initial = "keep"
	}
	return configure(deltaFactory, map[string]any{"initial_value": initial})
}

func batchConfig(size int, timeout time.Duration) (component.Config, error) {
	return configure(batchFactory, map[string]any{
		"send_batch_size":     size,
		"send_batch_max_size": size,
		"timeout":             timeout.String(),
	})
}

func telemetry(logger *zap.Logger) component.TelemetrySettings {
	return component.TelemetrySettings{
		Logger:         logger,
		TracerProvider: tracenoop.NewTracerProvider(),
		MeterProvider:  noop.NewMeterProvider(),
	}
}

// bareHost is a collector's host without extensions.
type bareHost struct{}

func (bareHost) GetExtensions() map[component.ID]component.Component { return nil }
