{{/*
What is done so that nothing is lost: per signal "queued" (on disk before the sender is answered) or "acknowledged"
(the sender is answered when AWS has it).
*/}}

{{/* Signals that go through the collector with one delivery, as a JSON list: a list of the context and the delivery. */}}
{{- define "kyma-cloudwatch.collector.signals" -}}
{{- $context := index . 0 -}}
{{- $delivery := index . 1 -}}
{{- $signals := list -}}
{{- range $signal := list "traces" "metrics" "logs" -}}
  {{- $settings := get $context.Values.global $signal -}}
  {{- if and $settings.enabled (or (ne $signal "logs") (include "kyma-cloudwatch.logsThroughCollector" $context)) (eq ($settings.delivery | default $context.Values.delivery) $delivery) -}}
    {{- $signals = append $signals $signal -}}
  {{- end -}}
{{- end -}}
{{- toJson $signals -}}
{{- end -}}

{{/* "true" where a signal is queued, so that a pod needs a place for its queue. */}}
{{- define "kyma-cloudwatch.collector.queued" -}}
{{- if include "kyma-cloudwatch.collector.signals" (list . "queued") | fromJsonArray -}}true{{- end -}}
{{- end -}}

{{/* Kind of the workload: a StatefulSet where each pod keeps a queue of its own on a volume claim. */}}
{{- define "kyma-cloudwatch.collector.kind" -}}
{{- if and (include "kyma-cloudwatch.collector.queued" .) .Values.persistence.enabled -}}StatefulSet{{- else -}}Deployment{{- end -}}
{{- end -}}

{{/* Bytes that one signal's queue may hold: the queued signals share 80 % of the volume. */}}
{{- define "kyma-cloudwatch.collector.queueBytes" -}}
{{- $signals := include "kyma-cloudwatch.collector.signals" (list . "queued") | fromJsonArray | len | max 1 -}}
{{- div (mul (include "kyma-cloudwatch.collector.bytes" (list . "persistence.size" (include "kyma-cloudwatch.collector.volumeSize" .)) | int64) 8) (mul $signals 10) -}}
{{- end -}}

{{/*
Bytes of one signal that may wait in memory for AWS's answer: the acknowledged signals share a quarter of the memory
limit, since data takes more room in memory than on the wire. No less than the largest request, which would never fit.
*/}}
{{- define "kyma-cloudwatch.collector.waitingBytes" -}}
{{- $signals := include "kyma-cloudwatch.collector.signals" (list . "acknowledged") | fromJsonArray | len | max 1 -}}
{{- $limit := include "kyma-cloudwatch.collector.memoryLimit" . | default "1073741824" | int64 -}}
{{- max (div $limit (mul $signals 4)) (mul .Values.receiver.maxMessageSizeMiB 1048576) -}}
{{- end -}}
