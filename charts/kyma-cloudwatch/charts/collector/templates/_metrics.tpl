{{/* Values that CloudWatch cannot take: NaN, and what is beyond 2^360. */}}
{{- define "kyma-cloudwatch.collector.valueConditions" -}}
- datapoint.value_double != datapoint.value_double
- datapoint.value_double > 2.3e108 or datapoint.value_double < -2.3e108
{{- end -}}

{{/* Metrics as EMF events, from which CloudWatch extracts custom metrics. */}}
{{- define "kyma-cloudwatch.collector.config.metrics.emf" -}}
{{- $metrics := .Values.global.metrics -}}
receivers:
  {{- include "kyma-cloudwatch.collector.loopbackReceiver" . | nindent 2 }}
processors:
  # Leaves only the attributes that become dimensions. A pattern cannot say "all but these", so these are
  # first copied under a mark, and back after the rest is gone.
  resource/dimensions:
    attributes:
      {{- range $metrics.dimensions }}
      - {action: insert, key: {{ printf "~%s" . | quote }}, from_attribute: {{ . | quote }}}
      {{- end }}
      - {action: delete, pattern: "^([^~]|$)"}
      {{- range $metrics.dimensions }}
      - {action: insert, key: {{ . | quote }}, from_attribute: {{ printf "~%s" . | quote }}}
      {{- end }}
      - {action: delete, pattern: "^~"}
  # CloudWatch makes no metric of an event with such a dimension.
  attributes/ascii:
    actions:
      - {action: delete, pattern: "[^ -~]"}
  # awsemf drops odd values without a word. A datapoint older than 14 days or more than 2 hours ahead makes it fail as a
  # whole, for ever; it stands behind the queue, where that counts.
  # What is left out is counted: otelcol_processor_filter_datapoints_filtered_total.
  filter/metrics:
    error_mode: silent
    metric_conditions:
      - conditions:
          {{- include "kyma-cloudwatch.collector.valueConditions" . | nindent 10 }}
          - datapoint.time_unix_nano > 0 and datapoint.time_unix_nano < UnixNano(Now()) - 1209000000000000
          - datapoint.time_unix_nano > UnixNano(Now()) + 7200000000000
exporters:
  otlp_grpc/metrics:
    {{- include "kyma-cloudwatch.collector.loopback" . | nindent 4 }}
    sending_queue:
      storage: file_storage
      sizer: bytes
      queue_size: {{ include "kyma-cloudwatch.collector.queueBytes" . }}
      # awsemf shares its open requests between concurrent calls: one call's failure would be another's.
      num_consumers: 1
      # CloudWatch takes 100 metrics in a directive and makes none of a larger one, without a word. awsemf puts all metrics
      # of the same attributes and time into one, as far as it gets them at once.
      batch:
        flush_timeout: 1s
        sizer: items
        min_size: 100
        max_size: 100
  awsemf:
    {{- include "kyma-cloudwatch.collector.awsSession" . | nindent 4 }}
    max_retries: 12
    namespace: {{ $metrics.namespace | quote }}
    log_group_name: {{ include "kyma-cloudwatch.metricsLogGroup" . | quote }}
    log_stream_name: {{ $metrics.logStream | quote }}
    log_retention: {{ $metrics.retentionDays }}
    dimension_rollup_option: {{ $metrics.dimensionRollup }}
    resource_to_telemetry_conversion:
      enabled: true
    {{- with $metrics.declarations }}
    metric_declarations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $metrics.descriptors }}
    metric_descriptors:
      {{- toYaml . | nindent 6 }}
    {{- end }}
service:
  pipelines:
    metrics:
      receivers: [otlp]
      processors: [memory_limiter, resource/cluster, resource/dimensions]
      exporters: [otlp_grpc/metrics]
    metrics/aws:
      receivers: [otlp/aws]
      processors: [filter/metrics, attributes/ascii]
      exporters: [awsemf]
{{- end -}}

{{/* Metrics to CloudWatch's OTLP endpoint: at most 1,000 datapoints and 1 MB a request. */}}
{{- define "kyma-cloudwatch.collector.config.metrics.otlp" -}}
extensions:
  sigv4auth/metrics:
    {{- include "kyma-cloudwatch.collector.sigv4auth" (list . "monitoring") | nindent 4 }}
processors:
  # CloudWatch drops such values without a word; here they are counted: otelcol_processor_filter_datapoints_filtered_total.
  filter/metrics:
    error_mode: silent
    metric_conditions:
      - conditions:
          {{- include "kyma-cloudwatch.collector.valueConditions" . | nindent 10 }}
exporters:
  otlp_http/metrics:
    metrics_endpoint: {{ include "kyma-cloudwatch.collector.awsEndpoint" (list . "monitoring") | printf "%s/v1/metrics" | quote }}
    auth:
      authenticator: sigv4auth/metrics
    {{- include "kyma-cloudwatch.collector.otlpHTTP" . | nindent 4 }}
    sending_queue:
      storage: file_storage
      sizer: bytes
      queue_size: {{ include "kyma-cloudwatch.collector.queueBytes" . }}
      batch:
        flush_timeout: 1s
        sizer: items
        min_size: 400
        max_size: 500
service:
  pipelines:
    metrics:
      receivers: [otlp]
      processors: [memory_limiter, filter/metrics, resource/cluster]
      exporters: [otlp_http/metrics]
{{- end -}}
