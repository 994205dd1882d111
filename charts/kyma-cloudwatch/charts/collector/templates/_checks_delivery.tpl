{{/*
What cannot work of delivery and size, and changes that Kubernetes would refuse. Each
message says what is wrong and the YAML or the commands that mend it.
*/}}
{{- define "kyma-cloudwatch.collector.checks.delivery" -}}
{{- $kind := include "kyma-cloudwatch.collector.kind" . -}}
{{- $autoscaling := .Values.autoscaling -}}

{{- if and .Values.global.logs.delivery (eq .Values.global.logs.via "fluentbit") -}}
{{- fail (printf "\n\nglobal.logs.delivery is %q, but global.logs.via is \"fluentbit\": Fluent Bit writes past the collector, with a queue of its own. Leave it out:\n\nglobal:\n  logs:\n    delivery: \"\"\n" .Values.global.logs.delivery) -}}
{{- end -}}

{{- if $autoscaling.enabled -}}
  {{- $least := include "kyma-cloudwatch.collector.minReplicas" . | int -}}
  {{- if gt $least ($autoscaling.maxReplicas | int) -}}
  {{- fail (printf "\n\ncollector.autoscaling.maxReplicas is %d, less than the %d pods to begin with. Write, for example:\n\ncollector:\n  autoscaling:\n    minReplicas: %d\n    maxReplicas: %d\n" ($autoscaling.maxReplicas | int) $least $least (mul $least 3)) -}}
  {{- end -}}
  {{- if not (dig "requests" "cpu" "" (include "kyma-cloudwatch.collector.resources" . | fromYaml)) -}}
  {{- fail (printf "\n\ncollector.autoscaling is enabled, but the pods request no CPU, of which it takes its percentage. Write:\n\ncollector:\n  resources:\n    requests:\n      cpu: %s\n" (get .Values.sizes .Values.size).cpu) -}}
  {{- end -}}
  {{- if and (include "kyma-cloudwatch.collector.queued" .) (eq $kind "Deployment") -}}
  {{- fail "\n\ncollector.autoscaling is enabled, but the queue stands in an emptyDir (collector.persistence.enabled: false): each pod that is taken away would take its queue along. Keep no queue:\n\ncollector:\n  delivery: acknowledged\n\nor keep it on volumes:\n\ncollector:\n  persistence:\n    enabled: true\n" -}}
  {{- end -}}
{{- end -}}

{{- /* What stands in the cluster; nothing where the chart is only rendered. */ -}}
{{- if and (include "kyma-cloudwatch.collectorNeeded" .) .Release.IsUpgrade -}}
  {{- $name := include "kyma-cloudwatch.collectorName" . -}}
  {{- with lookup "apps/v1" "StatefulSet" .Release.Namespace $name -}}
    {{- include "kyma-cloudwatch.collector.checks.delivery.statefulSet" (list $ .) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* The change from a StatefulSet that exists: a list of the context and the StatefulSet. */}}
{{- define "kyma-cloudwatch.collector.checks.delivery.statefulSet" -}}
{{- $context := index . 0 -}}
{{- $set := index . 1 -}}
{{- $namespace := $context.Release.Namespace -}}
{{- $name := $set.metadata.name -}}
{{- if eq (include "kyma-cloudwatch.collector.kind" $context) "StatefulSet" -}}
  {{- $claim := index $set.spec.volumeClaimTemplates 0 -}}
  {{- $was := $claim.spec.resources.requests.storage -}}
  {{- $size := include "kyma-cloudwatch.collector.volumeSize" $context -}}
  {{- $again := printf "make the StatefulSet anew; its pods, their claims and what is queued stay:\n\n  kubectl -n %s delete statefulset %s --cascade=orphan\n" $namespace $name -}}
  {{- if ne (include "kyma-cloudwatch.collector.bytes" $was) (include "kyma-cloudwatch.collector.bytes" $size) -}}
    {{- $grow := "" -}}
    {{- range $i := until ($set.spec.replicas | int) -}}
      {{- $grow = printf "%s  kubectl -n %s patch pvc queue-%s-%d -p '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"%s\"}}}}'\n" $grow $namespace $name $i $size -}}
    {{- end -}}
    {{- fail (printf "\n\nThe queue's volumes would be of %s, but StatefulSet %s was made with %s, which Kubernetes lets nobody change. Keep them as they are:\n\ncollector:\n  persistence:\n    size: %s\n\nor grow the claims there are, where their storage class allows it, and %s%s\nThen repeat the upgrade.\n" $size $name $was $was $again $grow) -}}
  {{- end -}}
  {{- $class := $context.Values.persistence.storageClass -}}
  {{- if and $class (ne $class ($claim.spec.storageClassName | default "")) -}}
  {{- fail (printf "\n\ncollector.persistence.storageClass is %q, but StatefulSet %s was made with %q, which Kubernetes lets nobody change. Keep it:\n\ncollector:\n  persistence:\n    storageClass: %q\n\nor, so that further pods get the other class, %s\nThen repeat the upgrade.\n" $class $name ($claim.spec.storageClassName | default "") ($claim.spec.storageClassName | default "") $again) -}}
  {{- end -}}
{{- else if eq (dig "persistentVolumeClaimRetentionPolicy" "whenDeleted" "Retain" $set.spec) "Delete" -}}
  {{- fail (printf "\n\nThis upgrade replaces StatefulSet %s by a Deployment without volumes, and the StatefulSet's claims would be deleted with what is still queued (collector.persistence.whenDeleted: Delete). Keep them:\n\n  kubectl -n %s patch statefulset %s -p '{\"spec\":{\"persistentVolumeClaimRetentionPolicy\":{\"whenDeleted\":\"Retain\"}}}'\n\nThen repeat the upgrade.\n" $name $namespace $name) -}}
{{- end -}}
{{- end -}}
