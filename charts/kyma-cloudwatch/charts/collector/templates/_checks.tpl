{{/*
What the schema cannot judge about the collector, one concern per template. Each message says what is wrong, where,
and the YAML that mends it; test/render/refusals_test.go has each of them.
*/}}
{{- define "kyma-cloudwatch.collector.checks" -}}
{{- include "kyma-cloudwatch.collector.checks.resources" . -}}
{{- include "kyma-cloudwatch.collector.checks.memory" . -}}
{{- include "kyma-cloudwatch.collector.checks.delivery" . -}}
{{- include "kyma-cloudwatch.collector.checks.autoscaling" . -}}
{{- include "kyma-cloudwatch.collector.checks.telemetry" . -}}
{{- $config := include "kyma-cloudwatch.collector.config" . | fromYaml -}}
{{- include "kyma-cloudwatch.collector.checks.components" (dict "context" . "config" $config) -}}
{{- include "kyma-cloudwatch.collector.checks.queues" (dict "context" . "config" $config) -}}
{{- include "kyma-cloudwatch.collector.checks.serviceAccount" . -}}
{{- include "kyma-cloudwatch.collector.checks.pod" . -}}
{{- end -}}

{{/* A request above its limit, which an API server refuses. */}}
{{- define "kyma-cloudwatch.collector.checks.resources" -}}
{{- $resources := include "kyma-cloudwatch.collector.resources" . | fromYaml -}}
{{- $limits := $resources.limits | default dict -}}
{{- range $name, $request := $resources.requests | default dict -}}
  {{- $limit := index $limits $name -}}
  {{- if and $limit $request -}}
    {{- $path := include "kyma-cloudwatch.valuePath" (list $ "resources") -}}
    {{- $wanted := include "kyma-cloudwatch.collector.quantity" (list $ (printf "resources.requests.%s" $name) $request) | int64 -}}
    {{- if gt $wanted (include "kyma-cloudwatch.collector.quantity" (list $ (printf "resources.limits.%s" $name) $limit) | int64) -}}
    {{- fail (printf "\n\n%s.requests.%s is %v, above %s.limits.%s, %v. Write a limit that holds the request:\n\n%s\n" $path $name $request $path $name $limit (include "kyma-cloudwatch.valueYAML" (list $ (printf "resources:\n  limits:\n    %s: %v" $name $request)))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
A limit with which the collector cannot take the largest message. Measured with the real collector in a cgroup, with
GOMEMLIMIT and memory_limiter as the chart sets them, all three signals sending and then one message of the largest
size: of 16 MiB it is killed with 64 MiB and runs with 96, of 64 MiB it is killed with 192 MiB and runs with 224.
memory_limiter does not save it, since it sees a message only when that is decoded.
*/}}
{{- define "kyma-cloudwatch.collector.checks.memory" -}}
{{- with include "kyma-cloudwatch.collector.memoryLimit" . -}}
  {{- $message := int64 $.Values.receiver.maxMessageSizeMiB -}}
  {{- $least := add 64 (mul 3 $message) -}}
  {{- if lt (int64 .) (mul $least 1048576) -}}
  {{- fail (printf "\n\n%s is %v, less than the collector needs to take the largest message (%s, %d MiB). Write at least:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list $ "resources.limits.memory")) (include "kyma-cloudwatch.collector.resources" $ | fromYaml).limits.memory (include "kyma-cloudwatch.valuePath" (list $ "receiver.maxMessageSizeMiB")) $message (include "kyma-cloudwatch.valueYAML" (list $ (printf "resources:\n  limits:\n    memory: %dMi" $least)))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "kyma-cloudwatch.collector.checks.serviceAccount" -}}
{{- $account := .Values.serviceAccount -}}
{{- if not $account.create -}}
  {{- if and (eq .Values.global.aws.auth.mode "webIdentity") (not $account.name) -}}
  {{- fail (printf "\n\n%s is false and no name is given, but global.aws.auth.mode is \"webIdentity\": the role would have to trust the namespace's ServiceAccount \"default\", and with it every pod there. Write the name of the one that the role trusts:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list . "serviceAccount.create")) (include "kyma-cloudwatch.valueYAML" (list . "serviceAccount:\n  create: false\n  name: kyma-cloudwatch"))) -}}
  {{- end -}}
  {{- if $account.annotations -}}
  {{- fail (printf "\n\n%s is set, but %s is false: the chart does not annotate a ServiceAccount that it does not make. Write:\n\n%s\n\nor leave the annotations out.\n" (include "kyma-cloudwatch.valuePath" (list . "serviceAccount.annotations")) (include "kyma-cloudwatch.valuePath" (list . "serviceAccount.create")) (include "kyma-cloudwatch.valueYAML" (list . "serviceAccount:\n  create: true"))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* What the chart writes into the pod and a user cannot write a second time. */}}
{{- define "kyma-cloudwatch.collector.checks.pod" -}}
{{- $ownVolumes := list "config" -}}
{{- $ownPaths := list "/etc/otelcol" -}}
{{- if include "kyma-cloudwatch.collector.queued" . -}}
  {{- $ownVolumes = append $ownVolumes "queue" -}}
  {{- $ownPaths = append $ownPaths "/var/lib/otelcol" -}}
{{- end -}}
{{- if eq .Values.global.aws.auth.mode "webIdentity" -}}
  {{- $ownVolumes = append $ownVolumes "aws-token" -}}
  {{- $ownPaths = append $ownPaths "/var/run/secrets/aws" -}}
{{- end -}}
{{- /* A list of variables is merged by name where objects are applied by a server: it refuses a name that is there twice. */ -}}
{{- $variables := list "POD_IP" "GOMEMLIMIT" -}}
{{- range include "kyma-cloudwatch.collector.awsEnv" . | fromYamlArray -}}{{- $variables = append $variables .name -}}{{- end -}}
{{- $path := include "kyma-cloudwatch.valuePath" (list . "extraEnv") -}}
{{- range .Values.extraEnv -}}
  {{- if has .name $variables -}}
  {{- fail (printf "\n\n%s has %q, which is there already, from the chart or from a line above. Leave it out.\n" $path .name) -}}
  {{- end -}}
  {{- $variables = append $variables .name -}}
{{- end -}}
{{- $volumes := $ownVolumes -}}
{{- range .Values.extraVolumes -}}
  {{- if has .name $volumes -}}
  {{- fail (printf "\n\n%s has %q, which is there already. Write another name, for example:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list $ "extraVolumes")) .name (include "kyma-cloudwatch.valueYAML" (list $ (printf "extraVolumes:\n  - name: extra-%s" .name)))) -}}
  {{- end -}}
  {{- $volumes = append $volumes .name -}}
{{- end -}}
{{- range .Values.extraVolumeMounts -}}
  {{- if not (has .name $volumes) -}}
  {{- fail (printf "\n\n%s names volume %q, which is not there. Write one of %s, or add it:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list $ "extraVolumeMounts")) .name (join ", " $volumes) (include "kyma-cloudwatch.valueYAML" (list $ (printf "extraVolumes:\n  - name: %s\n    emptyDir: {}" .name)))) -}}
  {{- end -}}
  {{- if has (trimSuffix "/" .mountPath) $ownPaths -}}
  {{- fail (printf "\n\n%s has mountPath %q, where the chart mounts a volume of its own. Write another, for example:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list $ "extraVolumeMounts")) .mountPath (include "kyma-cloudwatch.valueYAML" (list $ (printf "extraVolumeMounts:\n  - name: %s\n    mountPath: /mnt/%s" .name .name)))) -}}
  {{- end -}}
{{- end -}}
{{- range $path, $labels := dict "labels" .Values.labels "podLabels" .Values.podLabels -}}
  {{- include "kyma-cloudwatch.checks.labels" (list $ $path $labels) -}}
{{- end -}}
{{- range $key := keys .Values.podLabels | sortAlpha -}}
  {{- if hasKey $.Values.labels $key -}}
  {{- fail (printf "\n\n%s and %s both have %q. Write it in one place.\n" (include "kyma-cloudwatch.valuePath" (list $ "labels")) (include "kyma-cloudwatch.valuePath" (list $ "podLabels")) $key) -}}
  {{- end -}}
{{- end -}}
{{- $ownAnnotations := dict "checksum/config" "" "checksum/credentials" "" -}}
{{- if .Values.telemetry.scrape -}}{{- $_ := set $ownAnnotations "prometheus.io/scrape" "" -}}{{- $_ := set $ownAnnotations "prometheus.io/port" "" -}}{{- end -}}
{{- range $key := keys .Values.podAnnotations | sortAlpha -}}
  {{- if hasKey $ownAnnotations $key -}}
  {{- fail (printf "\n\n%s has %q, which the chart writes itself. To scrape the pods otherwise, write:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list $ "podAnnotations")) $key (include "kyma-cloudwatch.valueYAML" (list $ "telemetry:\n  scrape: false"))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Both monitors find the same pods. */}}
{{- define "kyma-cloudwatch.collector.checks.telemetry" -}}
{{- if and .Values.telemetry.podMonitor.enabled .Values.telemetry.serviceMonitor.enabled -}}
{{- fail (printf "\n\n%s and %s are both true: Prometheus would scrape each pod twice, and count everything double. Write:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list . "telemetry.podMonitor.enabled")) (include "kyma-cloudwatch.valuePath" (list . "telemetry.serviceMonitor.enabled")) (include "kyma-cloudwatch.valueYAML" (list . "telemetry:\n  podMonitor:\n    enabled: true\n  serviceMonitor:\n    enabled: false"))) -}}
{{- end -}}
{{- end -}}
