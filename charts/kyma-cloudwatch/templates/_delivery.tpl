{{/* What collector and pipelines must agree on so that nothing is lost. */}}
{{- define "kyma-cloudwatch.checks.protocol" -}}
{{- if and .Values.collector.enabled .Values.pipelines.enabled (eq .Values.pipelines.protocol "grpc") -}}
  {{- range $signal := include "kyma-cloudwatch.collector.signals" (list .Subcharts.collector "acknowledged") | fromJsonArray -}}
    {{- if eq (get $.Values.global $signal).exporter "otlp" -}}
    {{- fail (printf "\n\n%s is \"grpc\", but %s are acknowledged by AWS's OTLP endpoint: when AWS throttles, Kyma would take gRPC's answer for a final one and drop them. Let each signal have its protocol:\n\n%s\n\nor put a queue between:\n\nglobal:\n  %s:\n    delivery: queued\n" (include "kyma-cloudwatch.valuePath" (list $ "pipelines.protocol")) $signal (include "kyma-cloudwatch.valueYAML" (list $ "pipelines:\n  protocol: \"\"")) $signal) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* What the notes say about what is queued. */}}
{{- define "kyma-cloudwatch.notes.delivery" -}}
{{- if include "kyma-cloudwatch.notes.collector" . -}}
{{- $collector := .Subcharts.collector -}}
{{- $name := include "kyma-cloudwatch.collectorName" . -}}
{{- $namespace := .Release.Namespace -}}
{{- $set := "" -}}
{{- if .Release.IsUpgrade -}}{{- $set = lookup "apps/v1" "StatefulSet" $namespace $name -}}{{- end -}}
{{- if eq (include "kyma-cloudwatch.collector.kind" $collector) "StatefulSet" }}

`helm uninstall` keeps the volume claims of the queue{{ if eq $collector.Values.persistence.whenDeleted "Delete" }} only as long as the StatefulSet exists{{ else }}. To remove them and what is still queued:
  kubectl -n {{ $namespace }} delete pvc -l app.kubernetes.io/instance={{ .Release.Name }},app.kubernetes.io/component=collector{{ end }}
{{- else if include "kyma-cloudwatch.collector.queued" $collector }}

The queue stands in an emptyDir: it outlives a restarted container, not a deleted or evicted pod. To keep it on a
volume: {{ include "kyma-cloudwatch.valuePath" (list . "collector.persistence.enabled") }}: true.
{{- end }}
{{- with include "kyma-cloudwatch.collector.signals" (list $collector "acknowledged") | fromJsonArray }}

The collector keeps no {{ join ", " . }}: Kyma does until AWS has them, at most 256 requests and 300 s. To outlast more:
{{- if eq $collector.Values.delivery "acknowledged" }}
{{ include "kyma-cloudwatch.valuePath" (list $ "collector.delivery") }}: queued.
{{- else }}
delivery: queued, which is {{ range $i, $signal := . }}{{ if $i }} and {{ end }}global.{{ $signal }}.delivery{{ end }}.
{{- end }}
{{- end }}
{{- if $set }}
{{- $was := $set.spec.replicas | int }}
{{- $is := include "kyma-cloudwatch.collector.replicas" $collector | int }}
{{- if eq (include "kyma-cloudwatch.collector.kind" $collector) "Deployment" }}

WARNING: this upgrade replaces StatefulSet {{ $name }} by a Deployment. What the StatefulSet has queued stays on its
claims and is not sent. To send it, go back, wait until otelcol_exporter_queue_size is 0 on each pod, and upgrade again:
  helm -n {{ $namespace }} rollback {{ .Release.Name }}
  kubectl -n {{ $namespace }} port-forward {{ $name }}-0 8888 & curl -s localhost:8888/metrics | grep queue_size
Then, or to give it up, remove the claims:
  kubectl -n {{ $namespace }} delete pvc -l app.kubernetes.io/instance={{ .Release.Name }},app.kubernetes.io/component=collector
{{- else if and (lt $is $was) (not $collector.Values.autoscaling.enabled) }}

WARNING: this upgrade takes {{ sub $was $is }} of {{ $was }} pods away. What they have queued stays on their claims, queue-{{ $name }}-{{ $is }}
to {{ sub $was 1 }}, and is sent when {{ include "kyma-cloudwatch.valuePath" (list . "collector.replicas") }} is {{ $was }} again.
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}
