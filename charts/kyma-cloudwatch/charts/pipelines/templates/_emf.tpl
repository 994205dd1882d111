{{/*
What Kyma does to metrics before awsemf gets them. awsemf takes every cumulative sum for a counter and writes the
difference between two points: of a sum that also falls, such as requests in flight, the value would be lost and the
first point dropped. Kyma's own conversion to deltas leaves those sums alone. As gauges they keep their value.
*/}}
{{- define "kyma-cloudwatch.pipelines.emfTransform" -}}
{{- if eq .Values.global.metrics.exporter "emf" -}}
- conditions:
    - metric.type == METRIC_DATA_TYPE_SUM and metric.is_monotonic == false and metric.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
  statements:
    - convert_sum_to_gauge()
{{- end -}}
{{- end -}}
