{{/* Traces to X-Ray's own API. */}}
{{- define "kyma-cloudwatch.collector.config.traces.xray" -}}
receivers:
  {{- include "kyma-cloudwatch.collector.loopbackReceiver" . | nindent 2 }}
exporters:
  otlp_grpc/traces:
    {{- include "kyma-cloudwatch.collector.loopback" . | nindent 4 }}
    sending_queue:
      storage: file_storage
      sizer: bytes
      queue_size: {{ include "kyma-cloudwatch.collector.queueBytes" . }}
      num_consumers: 4
      # awsxray sends 50 segment documents a call, one call after another, all within 5 s.
      batch:
        flush_timeout: 1s
        sizer: items
        min_size: 200
        max_size: 250
  awsxray:
    {{- include "kyma-cloudwatch.collector.awsSession" . | nindent 4 }}
    # More attempts than fit into the exporter's 5 s: each failure then ends as a timeout, which is retried.
    max_retries: 12
    {{- if .Values.global.traces.indexAllAttributes }}
    index_all_attributes: true
    {{- else }}
    {{- with .Values.global.traces.indexedAttributes }}
    indexed_attributes:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- end }}
    {{- if include "kyma-cloudwatch.logsThroughCollector" . }}
    # Links a trace to its log records in the X-Ray console.
    aws_log_groups:
      - {{ include "kyma-cloudwatch.logsLogGroup" . | quote }}
    {{- end }}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, resource/cluster]
      exporters: [otlp_grpc/traces]
    traces/aws:
      receivers: [otlp/aws]
      exporters: [awsxray]
{{- end -}}

{{/* Traces to X-Ray's OTLP endpoint: at most 10,000 spans and 5 MB a request. */}}
{{- define "kyma-cloudwatch.collector.config.traces.otlp" -}}
extensions:
  sigv4auth/traces:
    {{- include "kyma-cloudwatch.collector.sigv4auth" (list . "xray") | nindent 4 }}
exporters:
  otlp_http/traces:
    traces_endpoint: {{ include "kyma-cloudwatch.collector.awsEndpoint" (list . "xray") | printf "%s/v1/traces" | quote }}
    auth:
      authenticator: sigv4auth/traces
    {{- include "kyma-cloudwatch.collector.otlpHTTP" . | nindent 4 }}
    sending_queue:
      storage: file_storage
      sizer: bytes
      queue_size: {{ include "kyma-cloudwatch.collector.queueBytes" . }}
      batch:
        flush_timeout: 1s
        sizer: items
        min_size: 2000
        max_size: 2500
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, resource/cluster]
      exporters: [otlp_http/traces]
{{- end -}}
