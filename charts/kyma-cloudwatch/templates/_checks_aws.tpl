{{/* Where AWS is. */}}
{{- define "kyma-cloudwatch.checks.region" -}}
{{- $aws := .Values.global.aws -}}
{{- if not $aws.region -}}
{{- fail "\n\nglobal.aws.region is missing: every call to AWS needs a region. Write, for example:\n\nglobal:\n  aws:\n    region: eu-central-1\n" -}}
{{- end -}}
{{- /* Every region so far is an area, a direction and a number; a list of them would refuse the next one. */ -}}
{{- if not (regexMatch "^[a-z]{2,4}(-[a-z]+)?-((north|south)(east|west)?|east|west|central)-[1-9][0-9]?$" $aws.region) -}}
{{- fail (printf "\n\nglobal.aws.region is %q, which is not a region's code. Write, for example:\n\nglobal:\n  aws:\n    region: eu-central-1\n" $aws.region) -}}
{{- end -}}
{{- if and $aws.endpoint (not (regexMatch "^https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[1-9][0-9]{0,4})?$" $aws.endpoint)) -}}
{{- fail (printf "\n\nglobal.aws.endpoint is %q, which is not a URL of scheme, host and port alone. Write, for example:\n\nglobal:\n  aws:\n    endpoint: http://localstack.localstack:4566\n" $aws.endpoint) -}}
{{- end -}}
{{- end -}}

{{/* The roles' ARNs, and what belongs to a role. */}}
{{- define "kyma-cloudwatch.checks.roles" -}}
{{- $aws := .Values.global.aws -}}
{{- $auth := $aws.auth -}}
{{- $partition := include "kyma-cloudwatch.partition" . -}}
{{- range $path, $arn := dict "roleArn" $auth.roleArn "webIdentity.roleArn" $auth.webIdentity.roleArn -}}
  {{- $yaml := replace "." ":\n        " (printf "%s:" $path) -}}
  {{- if and $arn (not (regexMatch "^arn:aws[a-z-]*:iam::[0-9]{12}:role/([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,64}$" $arn)) -}}
  {{- fail (printf "\n\nglobal.aws.auth.%s is %q, which is not the ARN of a role. Write, for example:\n\nglobal:\n  aws:\n    auth:\n      %s arn:%s:iam::123456789012:role/kyma-cloudwatch\n" $path $arn $yaml $partition) -}}
  {{- end -}}
  {{- /* An endpoint of one's own stands for any partition. */ -}}
  {{- if and $arn (not $aws.endpoint) (ne (splitList ":" $arn | rest | first) $partition) -}}
  {{- fail (printf "\n\nglobal.aws.auth.%s is %q, a role of partition %q, but region %q belongs to partition %q: no role is known across partitions. Write a role of that partition:\n\nglobal:\n  aws:\n    auth:\n      %s arn:%s:iam::123456789012:role/kyma-cloudwatch\n" $path $arn (splitList ":" $arn | rest | first) $aws.region $partition $yaml $partition) -}}
  {{- end -}}
{{- end -}}
{{- if and (eq $auth.mode "webIdentity") (not $auth.webIdentity.roleArn) -}}
{{- fail "\n\nglobal.aws.auth.webIdentity.roleArn is missing: in mode \"webIdentity\" the ServiceAccount's token is exchanged for a role. Write:\n\nglobal:\n  aws:\n    auth:\n      mode: webIdentity\n      webIdentity:\n        roleArn: arn:aws:iam::123456789012:role/kyma-cloudwatch\n" -}}
{{- end -}}
{{- if and (ne $auth.mode "webIdentity") $auth.webIdentity.roleArn -}}
{{- fail (printf "\n\nglobal.aws.auth.webIdentity.roleArn is given, but global.aws.auth.mode is %q. To exchange the ServiceAccount's token for that role, write:\n\nglobal:\n  aws:\n    auth:\n      mode: webIdentity\n\nTo assume it with the credentials of mode %q, write it as global.aws.auth.roleArn.\n" $auth.mode $auth.mode) -}}
{{- end -}}
{{- if and $auth.externalId (not $auth.roleArn) -}}
{{- fail "\n\nglobal.aws.auth.externalId is given without global.aws.auth.roleArn: an external id is only sent when a role is assumed. Write:\n\nglobal:\n  aws:\n    auth:\n      roleArn: arn:aws:iam::123456789012:role/kyma-cloudwatch\n" -}}
{{- end -}}
{{- end -}}

{{/* Names that AWS refuses or keeps for itself, and one log group for two signals. */}}
{{- define "kyma-cloudwatch.checks.names" -}}
{{- $metrics := .Values.global.metrics -}}
{{- $logs := .Values.global.logs -}}
{{- $emf := and $metrics.enabled (eq $metrics.exporter "emf") -}}
{{- $groups := dict -}}
{{- if $emf -}}{{- $_ := set $groups "metrics" (include "kyma-cloudwatch.metricsLogGroup" .) -}}{{- end -}}
{{- if $logs.enabled -}}{{- $_ := set $groups "logs" (include "kyma-cloudwatch.logsLogGroup" .) -}}{{- end -}}
{{- range $signal, $group := $groups -}}
  {{- if hasPrefix "aws/" $group -}}
  {{- fail (printf "\n\nglobal.%s.logGroup is %q: AWS keeps log groups that begin with \"aws/\" to itself. Write, for example:\n\nglobal:\n  %s:\n    logGroup: /%s\n" $signal $group $signal $group) -}}
  {{- end -}}
{{- end -}}
{{- if and $emf (hasPrefix "AWS/" $metrics.namespace) -}}
{{- fail (printf "\n\nglobal.metrics.namespace is %q: AWS keeps namespaces that begin with \"AWS/\" to itself. Write, for example:\n\nglobal:\n  metrics:\n    namespace: %s\n" $metrics.namespace (trimPrefix "AWS/" $metrics.namespace | default "Kyma")) -}}
{{- end -}}
{{- /* awsemf puts attributes in the place of some words in braces, from a resource that has only the dimensions left, and otherwise the word "undefined". */ -}}
{{- if and $emf (regexMatch "[{}]" $metrics.logStream) -}}
{{- fail (printf "\n\nglobal.metrics.logStream is %q: a name with braces would not be filled in, but become \"undefined\" or stay as it is. Write a name, for example:\n\nglobal:\n  metrics:\n    logStream: otel-collector\n" $metrics.logStream) -}}
{{- end -}}
{{- if and $logs.enabled (eq $logs.via "otlp") (regexMatch "[{}]" $logs.logStream) -}}
{{- fail (printf "\n\nglobal.logs.logStream is %q: no exporter fills in a name with braces. Write a name, for example:\n\nglobal:\n  logs:\n    logStream: otel-collector\n" $logs.logStream) -}}
{{- end -}}
{{- /*
Events of two signals may share a group, and even a stream: CloudWatch Logs has no order of writers any more (it
ignores sequence tokens, and so does the exporters' cwlogs library), and it takes metrics from those events only that
carry EMF's `_aws`. But a group has one retention, that of the exporter which happens to create it.
*/ -}}
{{- if and $emf $logs.enabled (eq (get $groups "metrics") (get $groups "logs")) (ne (toString $metrics.retentionDays) (toString $logs.retentionDays)) -}}
{{- fail (printf "\n\nglobal.metrics and global.logs share log group %q, but are to be kept for %v and %v days: a group has one retention, that of whichever signal comes first. Write the same for both:\n\nglobal:\n  metrics:\n    retentionDays: %v\n  logs:\n    retentionDays: %v\n\nor another group:\n\nglobal:\n  metrics:\n    logGroup: %s/metrics\n" (get $groups "logs") $metrics.retentionDays $logs.retentionDays $logs.retentionDays $logs.retentionDays (get $groups "logs")) -}}
{{- end -}}
{{- end -}}
