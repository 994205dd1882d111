{{/*
What CloudWatch Logs cannot take, left out before the queue: a list of the context and the oldest age in hours that may
pass. One such record makes a whole request fail, and in the queue it would be tried again for ever.
The processor counts what it leaves out: otelcol_processor_filter_logs_filtered_total.
*/}}
{{- define "kyma-cloudwatch.collector.logsFilter" -}}
filter/logs:
  error_mode: silent
  log_conditions:
    - conditions:
        - log.time_unix_nano > 0 and log.time_unix_nano < UnixNano(Now()) - {{ mul (index . 1) 3600000000000 }}
        # Two hours from now.
        - log.time_unix_nano > UnixNano(Now()) + 7200000000000
        - Len(log.body) > {{ index . 2 }}
        {{- if (index . 0).Values.global.logs.rawLog }}
        - String(log.body) == ""
        {{- end }}
{{- end -}}

{{/* Logs to CloudWatch Logs' own API. */}}
{{- define "kyma-cloudwatch.collector.config.logs.cloudwatchlogs" -}}
{{- $logs := .Values.global.logs -}}
processors:
  # CloudWatch Logs takes 14 days and 1 MiB; a day less leaves room for the time in the queue.
  {{- include "kyma-cloudwatch.collector.logsFilter" (list . (mul 13 24) 1000000) | nindent 2 }}
exporters:
  awscloudwatchlogs:
    {{- include "kyma-cloudwatch.collector.awsSession" . | nindent 4 }}
    log_group_name: {{ include "kyma-cloudwatch.logsLogGroup" . | quote }}
    log_stream_name: {{ $logs.logStream | quote }}
    log_retention: {{ $logs.retentionDays }}
    raw_log: {{ $logs.rawLog }}
    retry_on_failure:
      initial_interval: 1s
      max_interval: 30s
      max_elapsed_time: 0s
    sending_queue:
      storage: file_storage
      sizer: bytes
      queue_size: {{ include "kyma-cloudwatch.collector.queueBytes" . }}
      # As small as can be, since a failed batch is sent again as a whole, but none smaller than the largest record:
      # one that does not fit makes the queue drop its neighbours too.
      batch:
        flush_timeout: 1s
        sizer: bytes
        min_size: 100000
        max_size: 1200000
service:
  pipelines:
    logs:
      receivers: [otlp]
      processors: [memory_limiter, filter/logs, resource/cluster]
      exporters: [awscloudwatchlogs]
{{- end -}}

{{/*
Logs to CloudWatch Logs' OTLP endpoint: at most 10,000 records and 1 MB a request, into a group and a stream
that must exist. The endpoint creates neither, so the collector writes its own start line through
CloudWatch Logs' own API first, which creates both and sets the retention.
*/}}
{{- define "kyma-cloudwatch.collector.config.logs.otlp" -}}
{{- $logs := .Values.global.logs -}}
extensions:
  sigv4auth/logs:
    {{- include "kyma-cloudwatch.collector.sigv4auth" (list . "logs") | nindent 4 }}
processors:
  # A request may span 24 hours, 2 of them in the future, and hold 1 MiB.
  {{- include "kyma-cloudwatch.collector.logsFilter" (list . 21 900000) | nindent 2 }}
receivers:
  file_log/start:
    include: [/etc/otelcol/start.log]
    start_at: beginning
exporters:
  awscloudwatchlogs/start:
    {{- include "kyma-cloudwatch.collector.awsSession" . | nindent 4 }}
    log_group_name: {{ include "kyma-cloudwatch.logsLogGroup" . | quote }}
    log_stream_name: {{ $logs.logStream | quote }}
    log_retention: {{ $logs.retentionDays }}
    raw_log: true
    retry_on_failure:
      initial_interval: 1s
      max_interval: 30s
      max_elapsed_time: 0s
  otlp_http/logs:
    logs_endpoint: {{ include "kyma-cloudwatch.collector.awsEndpoint" (list . "logs") | printf "%s/v1/logs" | quote }}
    headers:
      x-aws-log-group: {{ include "kyma-cloudwatch.logsLogGroup" . | quote }}
      x-aws-log-stream: {{ $logs.logStream | quote }}
    auth:
      authenticator: sigv4auth/logs
    {{- include "kyma-cloudwatch.collector.otlpHTTP" . | nindent 4 }}
    sending_queue:
      storage: file_storage
      sizer: bytes
      queue_size: {{ include "kyma-cloudwatch.collector.queueBytes" . }}
      # No smaller than the largest record: one that does not fit makes the queue drop its neighbours too.
      batch:
        flush_timeout: 1s
        sizer: bytes
        min_size: 200000
        max_size: 1000000
service:
  pipelines:
    logs/start:
      receivers: [file_log/start]
      exporters: [awscloudwatchlogs/start]
    logs:
      receivers: [otlp]
      processors: [memory_limiter, filter/logs, resource/cluster]
      exporters: [otlp_http/logs]
{{- end -}}
