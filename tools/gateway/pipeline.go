package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Signal is one of the three kinds of telemetry.
type Signal string

// The signals, named as in an OpenTelemetry Collector's service.pipelines.
const (
	Traces  Signal = "traces"
	Metrics Signal = "metrics"
	Logs    Signal = "logs"
)

// Protocol is the OTLP transport of spec.output.otlp.protocol.
type Protocol string

// The protocols that Kyma's CRDs know; GRPC is their default.
const (
	GRPC Protocol = "grpc"
	HTTP Protocol = "http"
)

// ErrNotOTLP says that a LogPipeline has no spec.output.otlp: Kyma's Fluent Bit agent serves it
// (output.custom, output.http), not the OTLP gateway.
var ErrNotOTLP = errors.New("the pipeline has no spec.output.otlp, so Kyma's OTLP gateway does not serve it")

// Pipeline is what Kyma's gateway needs to know of one TracePipeline, MetricPipeline or LogPipeline
// (telemetry.kyma-project.io/v1beta1). The zero value of a field is the CRD's default, and the fields
// may be changed before Start, for instance to send to a collector on this machine.
type Pipeline struct {
	// Signal tells the kind: Traces for a TracePipeline, and so on.
	Signal Signal
	// Name is metadata.name.
	Name string
	// Endpoint is spec.output.otlp.endpoint.value: a URL or host:port. As in Kyma, "http://" means no TLS.
	Endpoint string
	// Path is spec.output.otlp.path, used with HTTP only. Empty means /v1/traces, /v1/metrics or /v1/logs.
	Path string
	// Protocol is spec.output.otlp.protocol; empty means GRPC.
	Protocol Protocol
	// Compression is spec.output.otlp.compression: none, gzip, snappy or zstd; empty means gzip.
	Compression string
	// Insecure is spec.output.otlp.tls.insecure: no TLS whatever the endpoint's scheme.
	Insecure bool
	// Headers are those of spec.output.otlp.headers that have a literal value.
	Headers map[string]string
	// Delta is spec.output.otlp.temporality: delta. Metrics only.
	Delta bool
	// Transforms is spec.transform: OTTL statements, run in this order before Filters.
	Transforms []Transform
	// Filters is spec.filter: an item that meets any condition is dropped.
	Filters []Filter
	// Input is spec.input.
	Input Input
}

// Transform is one entry of spec.transform.
type Transform struct {
	// Conditions are OTTL conditions; the statements run where any of them holds, or always without one.
	Conditions []string `json:"conditions,omitempty"`
	// Statements are OTTL statements.
	Statements []string `json:"statements,omitempty"`
}

// Filter is one entry of spec.filter.
type Filter struct {
	// Conditions are OTTL conditions; an item that meets any of them is dropped.
	Conditions []string `json:"conditions,omitempty"`
}

// manifest is the part of a v1beta1 pipeline object that decides how the gateway sends.
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Input  Input `json:"input"`
		Output struct {
			OTLP *struct {
				Protocol    Protocol `json:"protocol"`
				Compression string   `json:"compression"`
				Path        string   `json:"path"`
				Temporality string   `json:"temporality"`
				Endpoint    struct {
					Value string `json:"value"`
				} `json:"endpoint"`
				TLS struct {
					Insecure bool `json:"insecure"`
				} `json:"tls"`
				Headers []struct {
					Name   string `json:"name"`
					Prefix string `json:"prefix"`
					Value  string `json:"value"`
				} `json:"headers"`
			} `json:"otlp"`
		} `json:"output"`
		Transform []Transform `json:"transform"`
		Filter    []Filter    `json:"filter"`
	} `json:"spec"`
}

const apiVersion = "telemetry.kyma-project.io/v1beta1"

var signalOfKind = map[string]Signal{
	"TracePipeline":  Traces,
	"MetricPipeline": Metrics,
	"LogPipeline":    Logs,
}

// IsPipeline tells whether a parsed manifest is a v1beta1 TracePipeline, MetricPipeline or LogPipeline.
func IsPipeline(object map[string]any) bool {
	kind, _ := object["kind"].(string)
	_, known := signalOfKind[kind]
	return known && object["apiVersion"] == apiVersion
}

// PipelineFromObject reads a TracePipeline, MetricPipeline or LogPipeline of
// telemetry.kyma-project.io/v1beta1, as parsed from YAML or JSON. A LogPipeline for Fluent Bit gives
// an error that wraps ErrNotOTLP. A value from a Secret stays empty: there is no cluster to ask.
func PipelineFromObject(object map[string]any) (Pipeline, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return Pipeline{}, fmt.Errorf("the pipeline object is not plain data: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Pipeline{}, fmt.Errorf("%v %q does not have the form of %s: %w", object["kind"], nameOf(object), apiVersion, err)
	}
	signal, known := signalOfKind[m.Kind]
	if !known || m.APIVersion != apiVersion {
		return Pipeline{}, fmt.Errorf("%s %s is no pipeline: want TracePipeline, MetricPipeline or LogPipeline of apiVersion %s", m.APIVersion, m.Kind, apiVersion)
	}
	if m.Metadata.Name == "" {
		return Pipeline{}, fmt.Errorf("a %s has no metadata.name", m.Kind)
	}
	otlp := m.Spec.Output.OTLP
	if otlp == nil {
		return Pipeline{}, fmt.Errorf("%s %q: %w", m.Kind, m.Metadata.Name, ErrNotOTLP)
	}
	p := Pipeline{
		Signal:      signal,
		Name:        m.Metadata.Name,
		Endpoint:    otlp.Endpoint.Value,
		Path:        otlp.Path,
		Protocol:    otlp.Protocol,
		Compression: otlp.Compression,
		Insecure:    otlp.TLS.Insecure,
		Delta:       otlp.Temporality == "delta",
		Transforms:  m.Spec.Transform,
		Filters:     m.Spec.Filter,
		Input:       m.Spec.Input,
	}
	for _, h := range otlp.Headers {
		if h.Value == "" {
			continue
		}
		if p.Headers == nil {
			p.Headers = map[string]string{}
		}
		value := h.Value
		if h.Prefix != "" {
			value = h.Prefix + " " + value
		}
		p.Headers[h.Name] = value
	}
	return p, p.Validate()
}

func nameOf(object map[string]any) string {
	meta, _ := object["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	return name
}

// String names the pipeline as kubectl does, for messages: TracePipeline "cloudwatch".
func (p Pipeline) String() string {
	for kind, signal := range signalOfKind {
		if signal == p.Signal {
			return fmt.Sprintf("%s %q", kind, p.Name)
		}
	}
	return fmt.Sprintf("pipeline %q", p.Name)
}

// Validate checks every OTTL statement and condition by the processors' own parser, and the settings
// that the API server would check. The error names the pipeline and the place in its spec; several
// faults give several errors, joined.
func (p Pipeline) Validate() error {
	var errs []error
	fault := func(place, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: spec.%s: %w", p, place, fmt.Errorf(format, args...)))
	}
	if !slices.Contains([]Signal{Traces, Metrics, Logs}, p.Signal) {
		return fmt.Errorf("pipeline %q: signal %q: want traces, metrics or logs", p.Name, p.Signal)
	}
	if !slices.Contains([]Protocol{"", GRPC, HTTP}, p.Protocol) {
		fault("output.otlp.protocol", "%q: want grpc or http", p.Protocol)
	}
	if !slices.Contains([]string{"", "none", "gzip", "snappy", "zstd"}, p.Compression) {
		fault("output.otlp.compression", "%q: want none, gzip, snappy or zstd", p.Compression)
	}
	if p.Delta && p.Signal != Metrics {
		fault("output.otlp.temporality", "only a MetricPipeline has a temporality")
	}
	for i, t := range p.Transforms {
		place := fmt.Sprintf("transform[%d]", i)
		if len(t.Statements) == 0 {
			fault(place, "has no statements")
			continue
		}
		faults := len(errs)
		for j, statement := range t.Statements {
			if err := p.checkTransform(Transform{Statements: []string{statement}}); err != nil {
				fault(fmt.Sprintf("%s.statements[%d]", place, j), "`%s`: %w", statement, err)
			}
		}
		if len(errs) > faults {
			continue // a condition can only be checked with statements that are right
		}
		for j, condition := range t.Conditions {
			if err := p.checkTransform(Transform{Statements: t.Statements, Conditions: []string{condition}}); err != nil {
				fault(fmt.Sprintf("%s.conditions[%d]", place, j), "`%s`: %w", condition, err)
			}
		}
		// Each may be right alone and yet have no OTTL context in common with the others.
		if len(errs) == faults {
			if err := p.checkTransform(t); err != nil {
				fault(place, "%w", err)
			}
		}
	}
	for i, f := range p.Filters {
		if len(f.Conditions) == 0 {
			fault(fmt.Sprintf("filter[%d]", i), "has no conditions")
		}
		faults := len(errs)
		for j, condition := range f.Conditions {
			if err := p.checkFilter(Filter{Conditions: []string{condition}}); err != nil {
				fault(fmt.Sprintf("filter[%d].conditions[%d]", i, j), "`%s`: %w", condition, err)
			}
		}
		if len(errs) == faults && len(f.Conditions) > 1 {
			if err := p.checkFilter(f); err != nil {
				fault(fmt.Sprintf("filter[%d]", i), "%w", err)
			}
		}
	}
	return errors.Join(errs...)
}

func (p Pipeline) checkTransform(t Transform) error {
	_, err := p.transformConfig([]Transform{t})
	return err
}

func (p Pipeline) checkFilter(f Filter) error {
	_, err := p.filterConfig([]Filter{f})
	return err
}

// exporterConfig is the configuration of otlp_grpc or otlp_http without queue and retry, which stand
// in front of it (see lane.go), by the rules of Kyma's telemetry-manager (otlpexporter_config_builder.go):
// gzip unless told otherwise, no TLS for an http:// endpoint, the signal's own endpoint where a path is set.
func (p Pipeline) exporterConfig(o Options) (map[string]any, error) {
	if p.Endpoint == "" {
		return nil, fmt.Errorf("%s: no endpoint: set spec.output.otlp.endpoint.value (a value from a Secret cannot be read here)", p)
	}
	compression := p.Compression
	if compression == "" {
		compression = "gzip"
	}
	config := map[string]any{
		"compression":      compression,
		"sending_queue":    map[string]any{"enabled": false},
		"retry_on_failure": map[string]any{"enabled": false},
		"tls":              map[string]any{"insecure": p.Insecure || strings.HasPrefix(p.Endpoint, "http://")},
	}
	if len(p.Headers) > 0 {
		headers := map[string]any{}
		for name, value := range p.Headers {
			headers[name] = value
		}
		config["headers"] = headers
	}
	if o.AttemptTimeout > 0 {
		config["timeout"] = o.AttemptTimeout.String()
	}
	switch {
	case p.Protocol != HTTP:
		config["endpoint"] = p.Endpoint
	case p.Path == "":
		config["endpoint"] = p.Endpoint
	default:
		full, err := url.JoinPath(p.Endpoint, p.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: spec.output.otlp: endpoint %q with path %q: %w", p, p.Endpoint, p.Path, err)
		}
		config[string(p.Signal)+"_endpoint"] = full
	}
	return config, nil
}
