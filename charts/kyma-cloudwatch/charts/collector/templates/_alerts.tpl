{{/*
Alerts on the collector's own metrics, for each signal those that its delivery calls for. Each has a section of its own
in docs/runbook.md. Names of metrics are those of the collector; test/monitoring holds them against a running one.
*/}}
{{- define "kyma-cloudwatch.collector.alerts" -}}
{{- $pods := include "kyma-cloudwatch.collector.podSelector" . -}}
{{- $config := include "kyma-cloudwatch.collector.config" . | fromYaml -}}
{{- $items := dict "traces" "spans" "metrics" "metric_points" "logs" "log_records" -}}
- alert: KymaCloudWatchCollectorDown
  expr: up{ {{- $pods -}} } == 0 or absent(up{ {{- $pods -}} })
  for: 5m
  labels:
    severity: critical
  annotations:
    summary: The collector between Kyma and AWS is down, or is not scraped.
    description: {{ `Pod {{ if $labels.pod }}{{ $labels.pod }}{{ else }}of the collector{{ end }} has not answered for 5 minutes. Kyma keeps 256 requests and gives each up after 300 s.` | quote }}
    runbook_url: {{ include "kyma-cloudwatch.collector.runbook" "KymaCloudWatchCollectorDown" }}
{{- with include "kyma-cloudwatch.collector.memoryLimit" . }}
- alert: KymaCloudWatchMemoryNearLimit
  expr: otelcol_process_memory_rss{ {{- $pods -}} } > {{ div (mul (int64 .) 9) 10 }}
  for: 10m
  labels:
    severity: warning
  annotations:
    summary: The collector has used more than 90 % of its memory limit for 10 minutes.
    description: {{ `Pod {{ $labels.pod }} uses {{ $value | humanize1024 }}B. Above the limit it is killed.` | quote }}
    runbook_url: {{ include "kyma-cloudwatch.collector.runbook" "KymaCloudWatchMemoryNearLimit" }}
{{- end }}
- alert: KymaCloudWatchQueueFilling
  expr: otelcol_exporter_queue_size{ {{- $pods -}} } / otelcol_exporter_queue_capacity{ {{- $pods -}} } > 0.5
  for: 10m
  labels:
    severity: warning
  annotations:
    summary: A queue of the collector has been more than half full for 10 minutes.
    description: {{ `The queue of {{ $labels.exporter }} in pod {{ $labels.pod }} is {{ $value | humanizePercentage }} full.` | quote }}
    runbook_url: {{ include "kyma-cloudwatch.collector.runbook" "KymaCloudWatchQueueFilling" }}
- alert: KymaCloudWatchQueueFull
  expr: otelcol_exporter_queue_size{ {{- $pods -}} } / otelcol_exporter_queue_capacity{ {{- $pods -}} } > 0.9
  for: 2m
  labels:
    severity: critical
  annotations:
    summary: A queue of the collector is full.
    description: {{ `The queue of {{ $labels.exporter }} in pod {{ $labels.pod }} is {{ $value | humanizePercentage }} full. What it does not take Kyma keeps for 300 s.` | quote }}
    runbook_url: {{ include "kyma-cloudwatch.collector.runbook" "KymaCloudWatchQueueFull" }}
{{- range $delivery := list "queued" "acknowledged" }}
{{- range $signal := include "kyma-cloudwatch.collector.signals" (list $ $delivery) | fromJsonArray }}
{{- with get $config.service.pipelines $signal }}
{{- $pipeline := . }}
{{- $unit := get $items $signal }}
- alert: KymaCloudWatchRefused
  expr: sum by (namespace, pod) (rate(otelcol_receiver_refused_{{ $unit }}{ {{- $pods }}, receiver=~"{{ include "kyma-cloudwatch.collector.anyOf" $pipeline.receivers }}"}[5m])) > 0
  for: 2m
  labels:
    severity: {{ ternary "critical" "warning" (eq $delivery "acknowledged") }}
    signal: {{ $signal }}
  annotations:
    summary: The collector does not take {{ $signal }}.
    description: {{ printf "Pod {{ $labels.pod }} refuses {{ $value | humanize }} %s a second. Kyma tries each request again for 300 s and then drops it." ($unit | replace "_" " ") | quote }}
    runbook_url: {{ include "kyma-cloudwatch.collector.runbook" "KymaCloudWatchRefused" }}
{{- /* Exporters with a queue on disk, and those behind the loopback. awscloudwatchlogs tries everything again for as long as
it takes: nothing of it counts as failed. */}}
{{- $queued := list }}
{{- $direct := list }}
{{- range $exporter := $pipeline.exporters }}
  {{- if dig "sending_queue" "storage" "" (get $config.exporters $exporter | default dict) }}{{ $queued = append $queued $exporter }}{{ end }}
{{- end }}
{{- range $name, $other := $config.service.pipelines }}
  {{- if hasPrefix (printf "%s/" $signal) $name }}
    {{- range $exporter := $other.exporters }}{{ if not (hasPrefix "awscloudwatchlogs" $exporter) }}{{ $direct = append $direct $exporter }}{{ end }}{{ end }}
  {{- end }}
{{- end }}
{{- with $queued }}
{{- $exporters := include "kyma-cloudwatch.collector.anyOf" . }}
- alert: KymaCloudWatchNotSending
  expr: sum by (namespace, pod, exporter) (otelcol_exporter_queue_size{ {{- $pods }}, exporter=~"{{ $exporters }}"}) > 0 unless sum by (namespace, pod, exporter) (rate(otelcol_exporter_sent_{{ $unit }}{ {{- $pods }}, exporter=~"{{ $exporters }}"}[5m])) > 0
  for: 10m
  labels:
    severity: critical
    signal: {{ $signal }}
  annotations:
    summary: No {{ $signal }} have reached AWS for 10 minutes.
    description: {{ printf "{{ $value | humanize1024 }}B of %s wait in the queue of {{ $labels.exporter }} in pod {{ $labels.pod }}, and none is sent." $signal | quote }}
    runbook_url: {{ include "kyma-cloudwatch.collector.runbook" "KymaCloudWatchNotSending" }}
{{- $droppers := list }}
{{- range $queued }}{{ if not (hasPrefix "awscloudwatchlogs" .) }}{{ $droppers = append $droppers . }}{{ end }}{{ end }}
{{- with $droppers }}
{{- $exporters = include "kyma-cloudwatch.collector.anyOf" . }}
- alert: KymaCloudWatchDropped
  # The part after "or" sees a counter that begins with its first failure, which is no increase.
  expr: sum by (namespace, pod, exporter) (increase(otelcol_exporter_send_failed_{{ $unit }}{ {{- $pods }}, exporter=~"{{ $exporters }}"}[10m]) > 0 or (otelcol_exporter_send_failed_{{ $unit }}{ {{- $pods }}, exporter=~"{{ $exporters }}"} unless otelcol_exporter_send_failed_{{ $unit }}{ {{- $pods }}, exporter=~"{{ $exporters }}"} offset 10m))
  labels:
    severity: critical
    signal: {{ $signal }}
  annotations:
    summary: AWS refused {{ $signal }} for good, and the collector dropped them.
    description: {{ printf "{{ $labels.exporter }} in pod {{ $labels.pod }} dropped {{ $value | humanize }} %s in 10 minutes. They are lost." ($unit | replace "_" " ") | quote }}
    runbook_url: {{ include "kyma-cloudwatch.collector.runbook" "KymaCloudWatchDropped" }}
{{- end }}
{{- with $direct }}
- alert: KymaCloudWatchRetrying
  expr: sum by (namespace, pod, exporter) (rate(otelcol_exporter_send_failed_{{ $unit }}{ {{- $pods }}, exporter=~"{{ include "kyma-cloudwatch.collector.anyOf" $direct }}"}[5m])) > 0
  for: 15m
  labels:
    severity: warning
    signal: {{ $signal }}
  annotations:
    summary: Requests of {{ $signal }} to AWS have failed for 15 minutes.
    description: {{ printf "{{ $labels.exporter }} in pod {{ $labels.pod }} fails with {{ $value | humanize }} %s a second. The queue keeps them and tries again." ($unit | replace "_" " ") | quote }}
    runbook_url: {{ include "kyma-cloudwatch.collector.runbook" "KymaCloudWatchRetrying" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The pods' labels in PromQL, as both monitors set them. */}}
{{- define "kyma-cloudwatch.collector.podSelector" -}}
namespace="{{ .Release.Namespace }}", pod=~"{{ include "kyma-cloudwatch.collectorName" . }}-.+"
{{- end -}}

{{/* A regular expression in PromQL that matches the names of a list. */}}
{{- define "kyma-cloudwatch.collector.anyOf" -}}
{{- $names := list -}}
{{- range . -}}{{- $names = append $names (regexQuoteMeta . | replace "\\" "\\\\") -}}{{- end -}}
{{- join "|" $names -}}
{{- end -}}

{{/* Where the alert of that name is explained. */}}
{{- define "kyma-cloudwatch.collector.runbook" -}}
https://github.com/kyma-cloudwatch/kyma-cloudwatch/blob/main/docs/runbook.md#{{ lower . }}
{{- end -}}
