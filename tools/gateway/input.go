package gateway

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// The instrumentation scopes by which Kyma's agents mark what they collected
// (telemetry-manager, internal/otelcollector/config/common/constants.go).
// Whatever has another scope was pushed by OTLP.
const (
	ScopeRuntime    = "io.kyma-project.telemetry/runtime"
	ScopePrometheus = "io.kyma-project.telemetry/prometheus"
	ScopeIstio      = "io.kyma-project.telemetry/istio"
	ScopeKyma       = "io.kyma-project.telemetry/kyma"
)

// Input is spec.input of a MetricPipeline or LogPipeline. A TracePipeline has none.
type Input struct {
	// Runtime are the logs of containers, or the metrics of pods, nodes and so on. A LogPipeline has
	// it by default, a MetricPipeline has not.
	Runtime *RuntimeInput `json:"runtime,omitempty"`
	// Prometheus are metrics that the agent scrapes. Off by default.
	Prometheus *ScrapeInput `json:"prometheus,omitempty"`
	// Istio are metrics of Istio's proxies. Off by default.
	Istio *ScrapeInput `json:"istio,omitempty"`
	// OTLP is what workloads push. On by default, of all namespaces.
	OTLP *PushInput `json:"otlp,omitempty"`
}

// Namespaces chooses by k8s.namespace.name. A nil *Namespaces means the input's default, the empty
// value means all.
type Namespaces struct {
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

// RuntimeInput is spec.input.runtime.
type RuntimeInput struct {
	Enabled    *bool       `json:"enabled,omitempty"`
	Namespaces *Namespaces `json:"namespaces,omitempty"`
	// Resources (metrics) switches pod, container, node, volume, daemonset, deployment, statefulset
	// and job off and on; all are on by default.
	Resources map[string]Toggle `json:"resources,omitempty"`
	// Containers (logs) chooses by k8s.container.name.
	Containers *Namespaces `json:"containers,omitempty"`
	// KeepOriginalBody (logs) keeps a parsed JSON line as attribute log.original. On by default.
	KeepOriginalBody *bool `json:"keepOriginalBody,omitempty"`
}

// ScrapeInput is spec.input.prometheus or spec.input.istio.
type ScrapeInput struct {
	Enabled           *bool       `json:"enabled,omitempty"`
	Namespaces        *Namespaces `json:"namespaces,omitempty"`
	DiagnosticMetrics *Toggle     `json:"diagnosticMetrics,omitempty"`
	EnvoyMetrics      *Toggle     `json:"envoyMetrics,omitempty"`
}

// PushInput is spec.input.otlp.
type PushInput struct {
	Enabled    *bool       `json:"enabled,omitempty"`
	Namespaces *Namespaces `json:"namespaces,omitempty"`
}

// Toggle is an object with the one field enabled.
type Toggle struct {
	Enabled *bool `json:"enabled,omitempty"`
}

func on(b *bool, byDefault bool) bool {
	if b == nil {
		return byDefault
	}
	return *b
}

func (t *Toggle) on(byDefault bool) bool {
	if t == nil {
		return byDefault
	}
	return on(t.Enabled, byDefault)
}

// systemNamespaces are left out of the agents' inputs unless spec.input.X.namespaces says otherwise.
var systemNamespaces = &Namespaces{Exclude: []string{"kyma-system", "kube-system", "istio-system"}}

// takes tells whether the value of a resource attribute passes. Kyma's conditions leave resources
// without the attribute (nodes, for instance) alone.
func (n *Namespaces) takes(resource pcommon.Resource, attribute string) bool {
	value, has := resource.Attributes().Get(attribute)
	if n == nil || !has {
		return true
	}
	if len(n.Include) > 0 {
		return slices.Contains(n.Include, value.AsString())
	}
	return !slices.Contains(n.Exclude, value.AsString())
}

func agentNamespaces(n *Namespaces) *Namespaces {
	if n == nil {
		return systemNamespaces
	}
	return n
}

const (
	namespaceAttribute = "k8s.namespace.name"
	containerAttribute = "k8s.container.name"
)

func (in Input) takesPushed(resource pcommon.Resource) bool {
	if in.OTLP == nil {
		return true
	}
	return on(in.OTLP.Enabled, true) && in.OTLP.Namespaces.takes(resource, namespaceAttribute)
}

// selectLogs removes the records that this LogPipeline does not ask for.
func (in Input) selectLogs(ld plog.Logs) {
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
			if sl.Scope().Name() != ScopeRuntime {
				return !in.takesPushed(rl.Resource())
			}
			r := in.Runtime
			if r == nil {
				r = &RuntimeInput{}
			}
			if !on(r.Enabled, true) ||
				!agentNamespaces(r.Namespaces).takes(rl.Resource(), namespaceAttribute) ||
				!r.Containers.takes(rl.Resource(), containerAttribute) {
				return true
			}
			if !on(r.KeepOriginalBody, true) {
				for _, record := range sl.LogRecords().All() {
					record.Attributes().Remove("log.original")
				}
			}
			return false
		})
		return rl.ScopeLogs().Len() == 0
	})
}

// runtimeResources are the names under spec.input.runtime.resources and the metrics of each.
var runtimeResources = map[string][]string{
	"pod":         {"k8s.pod."},
	"container":   {"k8s.container.", "container."},
	"node":        {"k8s.node."},
	"volume":      {"k8s.volume."},
	"daemonset":   {"k8s.daemonset."},
	"deployment":  {"k8s.deployment."},
	"statefulset": {"k8s.statefulset."},
	"job":         {"k8s.job."},
}

// diagnosticMetrics are those that a Prometheus scrape makes of itself.
var diagnosticMetrics = []string{
	"up", "scrape_duration_seconds", "scrape_samples_scraped",
	"scrape_samples_post_metric_relabeling", "scrape_series_added",
}

// selectMetrics removes the metrics that this MetricPipeline does not ask for.
func (in Input) selectMetrics(md pmetric.Metrics) {
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			resource := rm.Resource()
			scrape, unwanted := (*ScrapeInput)(nil), func(string) bool { return false }
			switch sm.Scope().Name() {
			default:
				return !in.takesPushed(resource)
			case ScopeKyma:
				return false
			case ScopeRuntime:
				r := in.Runtime
				if r == nil || !on(r.Enabled, false) || !agentNamespaces(r.Namespaces).takes(resource, namespaceAttribute) {
					return true
				}
				unwanted = r.unwanted
			case ScopePrometheus:
				scrape = in.Prometheus
			case ScopeIstio:
				scrape = in.Istio
			}
			if sm.Scope().Name() != ScopeRuntime {
				if scrape == nil || !on(scrape.Enabled, false) || !agentNamespaces(scrape.Namespaces).takes(resource, namespaceAttribute) {
					return true
				}
				unwanted = scrape.unwanted
			}
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return unwanted(m.Name()) })
			return sm.Metrics().Len() == 0
		})
		return rm.ScopeMetrics().Len() == 0
	})
}

func (r *RuntimeInput) unwanted(metric string) bool {
	for resource, prefixes := range runtimeResources {
		toggle := r.Resources[resource]
		if toggle.on(true) {
			continue
		}
		for _, prefix := range prefixes {
			if strings.HasPrefix(metric, prefix) {
				return true
			}
		}
	}
	return false
}

func (s *ScrapeInput) unwanted(metric string) bool {
	if !s.DiagnosticMetrics.on(false) && slices.Contains(diagnosticMetrics, metric) {
		return true
	}
	return !s.EnvoyMetrics.on(false) && strings.HasPrefix(metric, "envoy_")
}
