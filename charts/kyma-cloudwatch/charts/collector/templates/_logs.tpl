{{/* Logs to CloudWatch Logs' own API. */}}
{{- define "kyma-cloudwatch.collector.config.logs.cloudwatchlogs" -}}
{{- $logs := .Values.global.logs -}}
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
      # Small enough that a batch becomes few requests of 256 kB: a failed batch is sent again as a whole.
      batch:
        flush_timeout: 1s
        sizer: bytes
        min_size: 100000
        max_size: 200000
service:
  pipelines:
    logs:
      receivers: [otlp]
      processors: [memory_limiter, resource/cluster]
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
      batch:
        flush_timeout: 1s
        sizer: bytes
        min_size: 200000
        max_size: 400000
service:
  pipelines:
    logs/start:
      receivers: [file_log/start]
      exporters: [awscloudwatchlogs/start]
    logs:
      receivers: [otlp]
      processors: [memory_limiter, resource/cluster]
      exporters: [otlp_http/logs]
{{- end -}}
