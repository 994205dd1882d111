{{/*
Values that somebody set and that nothing would read, since another value chose another way. Only what differs from
its default can be seen; the defaults stand here because a template cannot read values.yaml.
*/}}
{{- define "kyma-cloudwatch.checks.unused" -}}
{{- $global := .Values.global -}}
{{- if and $global.traces.enabled (eq $global.traces.exporter "otlp") -}}
  {{- include "kyma-cloudwatch.checks.unusedWith" (dict "context" . "switch" "global.traces.exporter" "value" "otlp" "why" "X-Ray's OTLP endpoint takes annotations only from attributes of the spans"
    "yaml" "global:\n  traces:\n    exporter: xray" "defaults" (dict "global.traces.indexAllAttributes" false)) -}}
{{- end -}}
{{- if and $global.metrics.enabled (eq $global.metrics.exporter "otlp") -}}
  {{- include "kyma-cloudwatch.checks.unusedWith" (dict "context" . "switch" "global.metrics.exporter" "value" "otlp" "why" "CloudWatch's OTLP endpoint knows no EMF events"
    "yaml" "global:\n  metrics:\n    exporter: emf" "defaults" (dict "global.metrics.namespace" "Kyma" "global.metrics.logGroup" "" "global.metrics.logStream" "otel-collector"
    "global.metrics.retentionDays" 7 "global.metrics.dimensionRollup" "NoDimensionRollup" "global.metrics.declarations" list "global.metrics.descriptors" list)) -}}
{{- end -}}
{{- if $global.logs.enabled -}}
  {{- if eq $global.logs.via "fluentbit" -}}
    {{- include "kyma-cloudwatch.checks.unusedWith" (dict "context" . "switch" "global.logs.via" "value" "fluentbit" "why" (printf "Fluent Bit reads what containers print and names log streams by %s" (include "kyma-cloudwatch.valuePath" (list . "pipelines.logs.fluentbit")))
      "yaml" "global:\n  logs:\n    via: otlp" "defaults" (dict "global.logs.logStream" "otel-collector" "global.logs.rawLog" false
      "pipelines.logs.transform" list "pipelines.logs.filter" list "pipelines.logs.input.otlp.namespaces" dict)) -}}
  {{- else -}}
    {{- include "kyma-cloudwatch.checks.unusedWith" (dict "context" . "switch" "global.logs.via" "value" "otlp" "why" "only Fluent Bit reads it"
      "yaml" "global:\n  logs:\n    via: fluentbit" "defaults" (dict "global.aws.auth.secret.keys.region" "" "pipelines.logs.input.runtime.keepAnnotations" nil "pipelines.logs.input.runtime.dropLabels" nil
      "pipelines.logs.fluentbit.streamTemplate" "$kubernetes['namespace_name'].$kubernetes['pod_name'].$kubernetes['container_name']"
      "pipelines.logs.fluentbit.streamName" "from-kyma-cluster" "pipelines.logs.fluentbit.groupTemplate" "" "pipelines.logs.fluentbit.extraOptions" dict "pipelines.logs.fluentbit.filters" list)) -}}
    {{- if eq $global.logs.exporter "otlp" -}}
      {{- include "kyma-cloudwatch.checks.unusedWith" (dict "context" . "switch" "global.logs.exporter" "value" "otlp" "why" "CloudWatch Logs' OTLP endpoint gets whole records"
        "yaml" "global:\n  logs:\n    exporter: cloudwatchlogs" "defaults" (dict "global.logs.rawLog" false)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if ne $global.aws.auth.mode "webIdentity" -}}
  {{- include "kyma-cloudwatch.checks.unusedWith" (dict "context" . "switch" "global.aws.auth.mode" "value" $global.aws.auth.mode "why" "no token is exchanged"
    "yaml" "global:\n  aws:\n    auth:\n      mode: webIdentity" "defaults" (dict "global.aws.auth.webIdentity.audience" "sts.amazonaws.com" "global.aws.auth.webIdentity.expirationSeconds" 3600)) -}}
{{- end -}}
{{- if ne $global.aws.auth.mode "secret" -}}
  {{- include "kyma-cloudwatch.checks.unusedWith" (dict "context" . "switch" "global.aws.auth.mode" "value" $global.aws.auth.mode "why" "no Secret is read"
    "yaml" "global:\n  aws:\n    auth:\n      mode: secret" "defaults" (dict "global.aws.auth.secret.keys.accessKeyId" "AWS_ACCESS_KEY_ID" "global.aws.auth.secret.keys.secretAccessKey" "AWS_SECRET_ACCESS_KEY" "global.aws.auth.secret.keys.sessionToken" "")) -}}
{{- end -}}
{{- if not (dig "autoscaling" "enabled" false .Values.collector) -}}
  {{- include "kyma-cloudwatch.checks.unusedWith" (dict "context" . "switch" (include "kyma-cloudwatch.valuePath" (list . "collector.autoscaling.enabled")) "value" "false" "why" (printf "the number of pods is %s" (include "kyma-cloudwatch.valuePath" (list . "collector.replicas")))
    "yaml" (include "kyma-cloudwatch.valueYAML" (list . "collector:\n  autoscaling:\n    enabled: true")) "defaults" (dict "collector.autoscaling.minReplicas" nil "collector.autoscaling.maxReplicas" 10 "collector.autoscaling.targetCPUUtilizationPercentage" 80 "collector.autoscaling.metrics" list)) -}}
{{- end -}}
{{- range $object := list "podMonitor" "serviceMonitor" "prometheusRule" "dashboard" -}}
  {{- if not (dig "telemetry" $object "enabled" false $.Values.collector) -}}
    {{- include "kyma-cloudwatch.checks.unusedWith" (dict "context" $ "switch" (include "kyma-cloudwatch.valuePath" (list $ (printf "collector.telemetry.%s.enabled" $object))) "value" "false" "why" "it would be a label of what is not made"
      "yaml" (include "kyma-cloudwatch.valueYAML" (list $ (printf "collector:\n  telemetry:\n    %s:\n      enabled: true" $object))) "defaults" (dict (printf "collector.telemetry.%s.labels" $object) dict)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Refuses those values of map "defaults" (paths and defaults) that are set, since value "switch" is "value"; "yaml" is
what would make them count.
*/}}
{{- define "kyma-cloudwatch.checks.unusedWith" -}}
{{- range $path, $default := .defaults -}}
  {{- $value := $.context.Values -}}
  {{- range splitList "." $path -}}
    {{- if kindIs "map" $value -}}{{- $value = index $value . -}}{{- end -}}
  {{- end -}}
  {{- /* The values of a subchart that is not installed are not there, nor would they count. */ -}}
  {{- if and (not (kindIs "invalid" $value)) (ne (toJson $value) (toJson $default)) (or (hasPrefix "global." $path) (index $.context.Values (splitList "." $path | first)).enabled) -}}
    {{- if not (hasPrefix "global." $path) -}}{{- $path = include "kyma-cloudwatch.valuePath" (list $.context $path) -}}{{- end -}}
    {{- fail (printf "\n\n%s is set, but %s is %q: %s, so nothing would come of it. Write:\n\n%s\n\nor leave %s out.\n" $path $.switch $.value $.why $.yaml $path) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
