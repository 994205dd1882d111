{{/*
What Kyma does to metrics before awsemf gets them. awsemf takes every cumulative sum for a counter and writes the
difference between two points: of a sum that also falls, such as requests in flight, the value would be lost and the
first point dropped. Kyma's own conversion to deltas leaves those sums alone. As gauges they keep their value.
*/}}
{{- define "kyma-cloudwatch.pipelines.emfTransform" -}}
{{- if eq .Values.global.metrics.exporter "emf" -}}
{{- /* The condition stands in the statement: from its path Kyma infers the context. */ -}}
- statements:
    - convert_sum_to_gauge() where metric.type == METRIC_DATA_TYPE_SUM and metric.is_monotonic == false and metric.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
{{- end -}}
{{- end -}}
