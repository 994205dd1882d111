{{/*
What delivery "acknowledged" changes in a signal's fragment, merged over it. Nothing is stored, nothing is tried again
here: whoever sent the data keeps it, is told what AWS said, and sends it again. An attempt of ours after the sender has
given up would be one copy more in AWS.
*/}}

{{/* awsxray answers after AWS has answered, and takes several requests at a time: nothing needs to stand before it. */}}
{{- define "kyma-cloudwatch.collector.config.traces.xray.acknowledged" -}}
receivers:
  otlp/aws: null
exporters:
  otlp_grpc/traces: null
service:
  pipelines:
    traces:
      exporters: [awsxray]
    traces/aws: null
{{- end -}}

{{- define "kyma-cloudwatch.collector.config.traces.otlp.acknowledged" -}}
exporters:
  otlp_http/traces:
    {{- include "kyma-cloudwatch.collector.answered" . | nindent 4 }}
{{- end -}}

{{/*
awsemf gathers the events of all requests that it gets at a time and fails the one that happens to send them: another,
whose events were among them, would be told that AWS has them. So they pass one after another.
*/}}
{{- define "kyma-cloudwatch.collector.config.metrics.emf.acknowledged" -}}
exporters:
  otlp_grpc/metrics:
    {{- include "kyma-cloudwatch.collector.waiting" . | nindent 4 }}
      num_consumers: 1
      batch:
        flush_timeout: 200ms
        # Cut, not gathered: an answer is about one sender's data.
        min_size: 0
{{- end -}}

{{- define "kyma-cloudwatch.collector.config.metrics.otlp.acknowledged" -}}
exporters:
  otlp_http/metrics:
    {{- include "kyma-cloudwatch.collector.answered" . | nindent 4 }}
{{- end -}}

{{/*
awscloudwatchlogs sends all of a request within 5 s, 256 kB after 256 kB. Kyma's log agent hands over several MB, so they
are cut, and the parts go side by side.
*/}}
{{- define "kyma-cloudwatch.collector.config.logs.cloudwatchlogs.acknowledged" -}}
exporters:
  awscloudwatchlogs:
    {{- include "kyma-cloudwatch.collector.waiting" . | nindent 4 }}
      num_consumers: 4
      batch:
        flush_timeout: 200ms
        # Cut, not gathered: an answer is about one sender's data.
        min_size: 0
{{- end -}}

{{- define "kyma-cloudwatch.collector.config.logs.otlp.acknowledged" -}}
exporters:
  otlp_http/logs:
    {{- include "kyma-cloudwatch.collector.answered" . | nindent 4 }}
{{- end -}}

{{/* A queue in memory whose senders wait for what becomes of their data. Ends within `sending_queue`. */}}
{{- define "kyma-cloudwatch.collector.waiting" -}}
retry_on_failure:
  enabled: false
  initial_interval: null
  max_interval: null
  max_elapsed_time: null
sending_queue:
  storage: null
  wait_for_result: true
  block_on_overflow: true
  queue_size: {{ include "kyma-cloudwatch.collector.waitingBytes" . }}
{{- end -}}

{{/* The same for OTLP over HTTP, where small requests are gathered: AWS takes thousands of items at once. */}}
{{- define "kyma-cloudwatch.collector.answered" -}}
# Less than the 30 s after which the sender would not hear the answer any more.
timeout: 10s
{{ include "kyma-cloudwatch.collector.waiting" . }}
  batch:
    flush_timeout: 200ms
{{- end -}}
