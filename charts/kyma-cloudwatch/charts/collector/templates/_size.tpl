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

{{/*
The container's requests and limits. values.yaml has a map of each: where one is not there, somebody took it away by
null. A null within says nothing, and leaves what the size says.
*/}}
{{- define "kyma-cloudwatch.collector.resources" -}}
{{- $size := get .Values.sizes .Values.size -}}
{{- $given := dict -}}
{{- range $kind := list "limits" "requests" -}}
  {{- if kindIs "map" (get $.Values.resources $kind) -}}
    {{- $_ := set $given $kind dict -}}
    {{- range $name, $quantity := get $.Values.resources $kind -}}
      {{- if not (kindIs "invalid" $quantity) -}}{{- $_ := set (get $given $kind) $name $quantity -}}{{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $memory := dig "limits" "memory" $size.memory $given -}}
{{- $resources := dict -}}
{{- if hasKey $given "requests" -}}
  {{- $quarter := div (include "kyma-cloudwatch.collector.bytes" (list . "resources.limits.memory" $memory) | int64) 4194304 -}}
  {{- $_ := set $resources "requests" (merge (dict) $given.requests (dict "cpu" $size.cpu "memory" (printf "%dMi" $quarter))) -}}
{{- end -}}
{{- if hasKey $given "limits" -}}
  {{- $_ := set $resources "limits" (merge (dict) $given.limits (dict "memory" $memory)) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* Pods to begin with, where their number follows the load. */}}
{{- define "kyma-cloudwatch.collector.minReplicas" -}}
{{- .Values.autoscaling.minReplicas | default (include "kyma-cloudwatch.collector.replicas" .) -}}
{{- end -}}
