{{/* Both monitors find the same pods. */}}
{{- define "kyma-cloudwatch.collector.checks.telemetry" -}}
{{- if and .Values.telemetry.podMonitor.enabled .Values.telemetry.serviceMonitor.enabled -}}
{{- fail "\n\ncollector.telemetry has a PodMonitor and a ServiceMonitor: Prometheus would scrape each pod twice, and count everything double. Write:\n\ncollector:\n  telemetry:\n    podMonitor:\n      enabled: true\n    serviceMonitor:\n      enabled: false\n" -}}
{{- end -}}
{{- end -}}
