{{/*
The collector's configuration: one fragment per concern, merged in order, the user's `config` last.
*/}}
{{- define "kyma-cloudwatch.collector.config" -}}
{{- $config := dict -}}
{{- $fragments := list "base" -}}
{{- $acknowledged := include "kyma-cloudwatch.collector.signals" (list . "acknowledged") | fromJsonArray -}}
{{- range $signal := concat $acknowledged (include "kyma-cloudwatch.collector.signals" (list . "queued") | fromJsonArray) -}}
  {{- $fragment := printf "%s.%s" $signal (get $.Values.global $signal).exporter -}}
  {{- $fragments = append $fragments $fragment -}}
  {{- if has $signal $acknowledged -}}
    {{- $fragments = append $fragments (printf "%s.acknowledged" $fragment) -}}
  {{- end -}}
{{- end -}}
{{- range $fragments -}}
  {{- $fragment := include (printf "kyma-cloudwatch.collector.config.%s" .) $ | fromYaml -}}
  {{- /* fromYaml hands its error over as a value. */ -}}
  {{- if hasKey $fragment "Error" -}}{{- fail (printf "collector configuration, fragment %s: %s" . $fragment.Error) -}}{{- end -}}
  {{- include "kyma-cloudwatch.collector.merge" (dict "into" $config "from" $fragment) -}}
{{- end -}}
{{- include "kyma-cloudwatch.collector.merge" (dict "into" $config "from" (deepCopy .Values.config)) -}}
{{- if not (kindIs "map" $config.service) -}}
{{- fail (printf "\n\n%s.service is %s: without its map of pipelines the collector would not start. Leave it out, or remove what is not wanted below it:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list . "config")) (toJson $config.service) (include "kyma-cloudwatch.valueYAML" (list . "config:\n  service:\n    telemetry: null"))) -}}
{{- end -}}
{{- /* An extension that is declared is meant to run; only the user's own list says otherwise. */ -}}
{{- if not (hasKey $config.service "extensions") -}}
  {{- $_ := set $config.service "extensions" (keys ($config.extensions | default dict) | sortAlpha) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/*
Merge map "from" into map "into", which it changes: maps merge, everything else replaces, null removes.
Sprig's mergeOverwrite does not replace a value by an empty one, nor remove.
*/}}
{{- define "kyma-cloudwatch.collector.merge" -}}
{{- range $key, $value := .from -}}
  {{- if kindIs "invalid" $value -}}
    {{- $_ := unset $.into $key -}}
  {{- else if kindIs "map" $value -}}
    {{- if not (kindIs "map" (get $.into $key)) -}}
      {{- $_ := set $.into $key dict -}}
    {{- end -}}
    {{- include "kyma-cloudwatch.collector.merge" (dict "into" (get $.into $key) "from" $value) -}}
  {{- else -}}
    {{- $_ := set $.into $key $value -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* What every signal shares: the way in, memory, the queue's storage, health and self-observation. */}}
{{- define "kyma-cloudwatch.collector.config.base" -}}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ${env:POD_IP}:4317
        max_recv_msg_size_mib: {{ .Values.receiver.maxMessageSizeMiB }}
        keepalive:
          server_parameters:
            max_connection_age: {{ .Values.receiver.maxConnectionAge }}
            max_connection_age_grace: 30s
      http:
        endpoint: ${env:POD_IP}:4318
        max_request_body_size: {{ mul .Values.receiver.maxMessageSizeMiB 1048576 }}
        # Each request finds a pod anew: HTTP has no age after which a connection is closed.
        keep_alives_enabled: false
processors:
  memory_limiter:
    check_interval: 1s
    # Garbage is no reason to refuse data: it is collected first.
    min_gc_interval_when_soft_limited: 1s
    {{- with include "kyma-cloudwatch.collector.memoryLimit" . }}
    limit_mib: {{ div (mul (int64 .) 80) 104857600 }}
    spike_limit_mib: {{ div (mul (int64 .) 20) 104857600 }}
    {{- else }}
    limit_percentage: 80
    spike_limit_percentage: 20
    {{- end }}
  resource/cluster:
    attributes:
      - action: upsert
        key: k8s.cluster.name
        value: {{ .Values.global.clusterName | quote }}
extensions:
  {{- if include "kyma-cloudwatch.collector.queued" . }}
  file_storage:
    directory: /var/lib/otelcol/queue
    create_directory: true
    compaction:
      directory: /var/lib/otelcol/queue
      on_start: true
      on_rebound: true
      cleanup_on_start: true
  {{- end }}
  health_check:
    endpoint: ${env:POD_IP}:13133
service:
  telemetry:
    logs:
      level: {{ .Values.telemetry.logLevel }}
      encoding: json
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: ${env:POD_IP}
                port: 8888
{{- end -}}

{{/*
A queue on disk in front of an AWS exporter that has none: the collector sends to itself on loopback, so that
whatever the AWS exporter reports as failed stays in the queue and is sent again, for as long as it takes.
*/}}
{{- define "kyma-cloudwatch.collector.loopback" -}}
endpoint: 127.0.0.1:5317
tls:
  insecure: true
compression: none
# Longer than the 5 s that the AWS exporters give one attempt.
timeout: 15s
retry_on_failure:
  initial_interval: 1s
  max_interval: 30s
  max_elapsed_time: 0s
{{- end -}}

{{/* The second way in, behind the loopback queues. */}}
{{- define "kyma-cloudwatch.collector.loopbackReceiver" -}}
otlp/aws:
  protocols:
    grpc:
      endpoint: 127.0.0.1:5317
      max_recv_msg_size_mib: {{ .Values.receiver.maxMessageSizeMiB }}
{{- end -}}

{{/* OTLP over HTTP to AWS, signed. */}}
{{- define "kyma-cloudwatch.collector.otlpHTTP" -}}
compression: gzip
compression_params:
  level: 1
retry_on_failure:
  initial_interval: 1s
  max_interval: 30s
  max_elapsed_time: 0s
{{- end -}}
