{{/*
What cannot work of delivery and size, and changes to what is installed that Kubernetes would refuse.
*/}}
{{- define "kyma-cloudwatch.collector.checks.delivery" -}}
{{- if and .Values.global.logs.delivery (eq .Values.global.logs.via "fluentbit") -}}
{{- fail (printf "\n\nglobal.logs.delivery is %q, but global.logs.via is \"fluentbit\": Fluent Bit writes past the collector, with a queue of its own. Write:\n\nglobal:\n  logs:\n    via: otlp\n\nor leave global.logs.delivery out.\n" .Values.global.logs.delivery) -}}
{{- end -}}
{{- if and (not (include "kyma-cloudwatch.collector.queued" .)) (or .Values.persistence.size .Values.persistence.storageClass) -}}
{{- fail (printf "\n\n%s is set, but delivery is \"acknowledged\" for every signal, which keeps nothing on a volume. Write:\n\n%s\n\nor leave it out.\n" (include "kyma-cloudwatch.valuePath" (list . (ternary "persistence.size" "persistence.storageClass" (not (not .Values.persistence.size))))) (include "kyma-cloudwatch.valueYAML" (list . "delivery: queued"))) -}}
{{- end -}}
{{- /* What stands in the cluster; nothing where the chart is only rendered. */ -}}
{{- if .Release.IsUpgrade -}}
  {{- with lookup "apps/v1" "StatefulSet" .Release.Namespace (include "kyma-cloudwatch.collectorName" .) -}}
    {{- include "kyma-cloudwatch.collector.checks.statefulSet" (list $ .) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "kyma-cloudwatch.collector.checks.autoscaling" -}}
{{- $autoscaling := .Values.autoscaling -}}
{{- if $autoscaling.enabled -}}
  {{- $least := include "kyma-cloudwatch.collector.minReplicas" . | int -}}
  {{- if gt $least ($autoscaling.maxReplicas | int) -}}
  {{- fail (printf "\n\n%s is %d, less than the %d pods to begin with. Write, for example:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list . "autoscaling.maxReplicas")) ($autoscaling.maxReplicas | int) $least (include "kyma-cloudwatch.valueYAML" (list . (printf "autoscaling:\n  minReplicas: %d\n  maxReplicas: %d" $least (mul $least 3))))) -}}
  {{- end -}}
  {{- if not (dig "requests" "cpu" "" (include "kyma-cloudwatch.collector.resources" . | fromYaml)) -}}
  {{- fail (printf "\n\n%s is true, but the pods request no CPU, of which it takes its percentage. Write:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list . "autoscaling.enabled")) (include "kyma-cloudwatch.valueYAML" (list . (printf "resources:\n  requests:\n    cpu: %s" (get .Values.sizes .Values.size).cpu)))) -}}
  {{- end -}}
  {{- if and (include "kyma-cloudwatch.collector.queued" .) (eq (include "kyma-cloudwatch.collector.kind" .) "Deployment") -}}
  {{- fail (printf "\n\n%s is true, but the queue stands in an emptyDir (%s is false): each pod that is taken away would take its queue along. Keep no queue:\n\n%s\n\nor keep it on volumes:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list . "autoscaling.enabled")) (include "kyma-cloudwatch.valuePath" (list . "persistence.enabled")) (include "kyma-cloudwatch.valueYAML" (list . "delivery: acknowledged")) (include "kyma-cloudwatch.valueYAML" (list . "persistence:\n  enabled: true"))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* The change from a StatefulSet that there is: a list of the context and the StatefulSet. */}}
{{- define "kyma-cloudwatch.collector.checks.statefulSet" -}}
{{- $context := index . 0 -}}
{{- $set := index . 1 -}}
{{- $namespace := $context.Release.Namespace -}}
{{- $name := $set.metadata.name -}}
{{- if eq (include "kyma-cloudwatch.collector.kind" $context) "StatefulSet" -}}
  {{- $claim := index $set.spec.volumeClaimTemplates 0 -}}
  {{- $was := $claim.spec.resources.requests.storage -}}
  {{- $size := include "kyma-cloudwatch.collector.volumeSize" $context -}}
  {{- if ne (include "kyma-cloudwatch.collector.bytes" (list $context "persistence.size" $was)) (include "kyma-cloudwatch.collector.bytes" (list $context "persistence.size" $size)) -}}
    {{- $grow := "" -}}
    {{- range $i := until ($set.spec.replicas | int) -}}
      {{- $grow = printf "%s  kubectl -n %s patch pvc queue-%s-%d -p '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"%s\"}}}}'\n" $grow $namespace $name $i $size -}}
    {{- end -}}
    {{- fail (printf "\n\nThe queue's volumes would be of %s, but StatefulSet %s was made with %s, which Kubernetes lets nobody change. Keep them as they are:\n\n%s\n\nor grow the claims that there are, where their storage class allows it, and make the StatefulSet anew; its pods, their claims and what is queued stay:\n\n  kubectl -n %s delete statefulset %s --cascade=orphan\n%s\nThen repeat the upgrade.\n" $size $name $was (include "kyma-cloudwatch.valueYAML" (list $context (printf "persistence:\n  size: %s" $was))) $namespace $name $grow) -}}
  {{- end -}}
  {{- $class := $context.Values.persistence.storageClass -}}
  {{- $had := $claim.spec.storageClassName | default "" -}}
  {{- if and $class (ne $class $had) -}}
  {{- fail (printf "\n\nThe queue's volumes would be of storage class %q, but StatefulSet %s was made with %q, which Kubernetes lets nobody change. Keep it:\n\n%s\n\nor make the StatefulSet anew, so that further pods get the other class; its pods, their claims and what is queued stay:\n\n  kubectl -n %s delete statefulset %s --cascade=orphan\n\nThen repeat the upgrade.\n" $class $name $had (include "kyma-cloudwatch.valueYAML" (list $context (printf "persistence:\n  storageClass: %q" $had))) $namespace $name) -}}
  {{- end -}}
{{- else if eq (dig "persistentVolumeClaimRetentionPolicy" "whenDeleted" "Retain" $set.spec) "Delete" -}}
  {{- fail (printf "\n\nThis upgrade replaces StatefulSet %s by a Deployment without volumes, and the StatefulSet's claims would be deleted with what is still queued (it has whenDeleted: Delete). Keep them:\n\n  kubectl -n %s patch statefulset %s -p '{\"spec\":{\"persistentVolumeClaimRetentionPolicy\":{\"whenDeleted\":\"Retain\"}}}'\n\nThen repeat the upgrade.\n" $name $namespace $name) -}}
{{- end -}}
{{- end -}}
