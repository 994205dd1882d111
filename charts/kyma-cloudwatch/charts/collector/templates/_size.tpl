{{/* What `size` stands for, and what is given itself and wins over it. */}}

{{- define "kyma-cloudwatch.collector.replicas" -}}
{{- .Values.replicas | default (get .Values.sizes .Values.size).replicas -}}
{{- end -}}

{{/*
Pods that the workload asks for. An autoscaler's choice is left alone; in an upgrade the number that there is is written
down, since Kubernetes takes 1 where an upgrade switches the autoscaler on and leaves the number out.
*/}}
{{- define "kyma-cloudwatch.collector.wantedReplicas" -}}
{{- if not .Values.autoscaling.enabled -}}
{{- include "kyma-cloudwatch.collector.replicas" . -}}
{{- else if .Release.IsUpgrade -}}
{{- with lookup "apps/v1" (include "kyma-cloudwatch.collector.kind" .) .Release.Namespace (include "kyma-cloudwatch.collectorName" .) -}}
{{- .spec.replicas -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kyma-cloudwatch.collector.volumeSize" -}}
{{- .Values.persistence.size | default (get .Values.sizes .Values.size).volume -}}
{{- end -}}

{{/* The container's requests and limits. */}}
{{- define "kyma-cloudwatch.collector.resources" -}}
{{- $size := get .Values.sizes .Values.size -}}
{{- $limits := dict "memory" $size.memory -}}
{{- include "kyma-cloudwatch.collector.merge" (dict "into" $limits "from" (.Values.resources.limits | default dict)) -}}
{{- $quarter := div (include "kyma-cloudwatch.collector.bytes" ($limits.memory | default $size.memory) | int64) 4194304 -}}
{{- $resources := dict "requests" (dict "cpu" $size.cpu "memory" (printf "%dMi" $quarter)) "limits" (dict "memory" $size.memory) -}}
{{- include "kyma-cloudwatch.collector.merge" (dict "into" $resources "from" (deepCopy .Values.resources)) -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* Pods to begin with, where their number follows the load. */}}
{{- define "kyma-cloudwatch.collector.minReplicas" -}}
{{- .Values.autoscaling.minReplicas | default (include "kyma-cloudwatch.collector.replicas" .) -}}
{{- end -}}
