{{/*
Combinations that the schema cannot judge. Each message says what is wrong and the YAML that mends it.
*/}}
{{- define "kyma-cloudwatch.checks" -}}
{{- $aws := .Values.global.aws -}}
{{- $auth := $aws.auth -}}
{{- $secret := $auth.secret -}}
{{- $fluentbit := and .Values.global.logs.enabled (eq .Values.global.logs.via "fluentbit") -}}

{{- if .Chart.IsRoot -}}
  {{- /* As a dependency the chart shares `global` with charts that it does not know. */ -}}
  {{- $known := list "aws" "clusterName" "fullnameOverride" "logs" "metrics" "traces" -}}
  {{- range $key := keys .Values.global | sortAlpha -}}
    {{- if not (has $key $known) -}}
    {{- fail (printf "\n\nglobal.%s is not a value of this chart. Under global it knows: %s.\n" $key (join ", " $known)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}

{{- if not $aws.region -}}
{{- fail "\n\nglobal.aws.region is missing: every call to AWS needs a region. Write, for example:\n\nglobal:\n  aws:\n    region: eu-central-1\n" -}}
{{- end -}}

{{- if not (regexMatch "^[a-z]{2,4}(-[a-z]+)+-[0-9]+$" $aws.region) -}}
{{- fail (printf "\n\nglobal.aws.region is %q, which is not a region's code. Write, for example:\n\nglobal:\n  aws:\n    region: eu-central-1\n" $aws.region) -}}
{{- end -}}
{{- if and $aws.endpoint (not (regexMatch "^https?://[^/]+$" $aws.endpoint)) -}}
{{- fail (printf "\n\nglobal.aws.endpoint is %q, which is not a URL of scheme, host and port alone. Write, for example:\n\nglobal:\n  aws:\n    endpoint: http://localstack.localstack:4566\n" $aws.endpoint) -}}
{{- end -}}
{{- range $path, $arn := dict "roleArn" $auth.roleArn "webIdentity.roleArn" $auth.webIdentity.roleArn -}}
  {{- if and $arn (not (regexMatch "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$" $arn)) -}}
  {{- fail (printf "\n\nglobal.aws.auth.%s is %q, which is not the ARN of a role. Write, for example:\n\nglobal:\n  aws:\n    auth:\n      %s arn:aws:iam::123456789012:role/kyma-cloudwatch\n" $path $arn (replace "." ":\n        " (printf "%s:" $path))) -}}
  {{- end -}}
{{- end -}}

{{- if eq $auth.mode "secret" -}}
  {{- if and $secret.name (or $secret.accessKeyId $secret.secretAccessKey $secret.sessionToken) -}}
  {{- fail "\n\nglobal.aws.auth.secret names an existing Secret and also gives an access key: it is unclear which one counts. Write only the name:\n\nglobal:\n  aws:\n    auth:\n      secret:\n        name: aws-credentials\n        accessKeyId: \"\"\n        secretAccessKey: \"\"\n        sessionToken: \"\"\n" -}}
  {{- end -}}
  {{- if and (not $secret.name) (not (and $secret.accessKeyId $secret.secretAccessKey)) -}}
  {{- fail (printf "\n\nglobal.aws.auth.secret.name is missing: in mode \"secret\" the credentials come from a Secret. Make it and name it:\n\n  kubectl -n %s create secret generic aws-credentials --from-literal=AWS_ACCESS_KEY_ID=... --from-literal=AWS_SECRET_ACCESS_KEY=...\n\nglobal:\n  aws:\n    auth:\n      secret:\n        name: aws-credentials\n" .Release.Namespace) -}}
  {{- end -}}
{{- else -}}
  {{- if or $secret.name $secret.accessKeyId $secret.secretAccessKey $secret.sessionToken -}}
  {{- fail (printf "\n\nglobal.aws.auth.secret is given, but global.aws.auth.mode is %q, which reads no Secret. Use the Secret:\n\nglobal:\n  aws:\n    auth:\n      mode: secret\n\nor leave global.aws.auth.secret out.\n" $auth.mode) -}}
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

{{- if not (or .Values.global.traces.enabled .Values.global.metrics.enabled .Values.global.logs.enabled) -}}
{{- fail "\n\nNo signal is enabled, so there is nothing to install. Enable at least one:\n\nglobal:\n  traces:\n    enabled: true\n" -}}
{{- end -}}

{{- if $fluentbit -}}
  {{- if ne $auth.mode "secret" -}}
  {{- fail (printf "\n\nglobal.logs.via is \"fluentbit\", but global.aws.auth.mode is %q: Kyma's Fluent Bit can only use an access key from a Secret. Write:\n\nglobal:\n  logs:\n    via: otlp\n\nor use mode \"secret\":\n\nglobal:\n  aws:\n    auth:\n      mode: secret\n      secret:\n        name: aws-credentials\n" $auth.mode) -}}
  {{- end -}}
  {{- if ne .Values.global.logs.exporter "cloudwatchlogs" -}}
  {{- fail "\n\nglobal.logs.exporter is \"otlp\", but global.logs.via is \"fluentbit\": Fluent Bit writes to CloudWatch Logs' own API. Write:\n\nglobal:\n  logs:\n    via: otlp\n    exporter: otlp\n" -}}
  {{- end -}}
  {{- if or $auth.secret.sessionToken $auth.secret.keys.sessionToken -}}
  {{- fail "\n\nglobal.aws.auth.secret has a session token, but global.logs.via is \"fluentbit\": the LogPipeline's variables carry only an access key. Write:\n\nglobal:\n  logs:\n    via: otlp\n" -}}
  {{- end -}}
{{- end -}}

{{- if .Values.pipelines.enabled -}}
  {{- if and (not .Values.collector.enabled) (include "kyma-cloudwatch.collectorNeeded" .) -}}
  {{- fail "\n\ncollector.enabled is false, but the pipelines would send to the collector. Write:\n\ncollector:\n  enabled: true\n\nor, to install the collector by another release, leave the pipelines to that release too:\n\npipelines:\n  enabled: false\n" -}}
  {{- end -}}
{{- end -}}
{{- end -}}
