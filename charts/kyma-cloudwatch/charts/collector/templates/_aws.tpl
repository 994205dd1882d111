{{/* Address of an AWS service: a list of the context and the service's host name prefix. */}}
{{- define "kyma-cloudwatch.collector.awsEndpoint" -}}
{{- $aws := (index . 0).Values.global.aws -}}
{{- if $aws.endpoint -}}
{{- $aws.endpoint -}}
{{- else -}}
https://{{ index . 1 }}.{{ $aws.region }}.{{ include "kyma-cloudwatch.awsDomain" (index . 0) }}
{{- end -}}
{{- end -}}

{{/* What every AWS exporter is told about AWS. */}}
{{- define "kyma-cloudwatch.collector.awsSession" -}}
{{- $aws := .Values.global.aws -}}
region: {{ $aws.region | quote }}
{{- with $aws.endpoint }}
endpoint: {{ . | quote }}
{{- end }}
{{- with $aws.auth.roleArn }}
role_arn: {{ . | quote }}
{{- end }}
{{- with $aws.auth.externalId }}
external_id: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Extension that signs OTLP requests: a list of the context and the service to sign for. */}}
{{- define "kyma-cloudwatch.collector.sigv4auth" -}}
{{- $aws := (index . 0).Values.global.aws -}}
region: {{ $aws.region | quote }}
service: {{ index . 1 }}
{{- with $aws.auth.roleArn }}
assume_role:
  arn: {{ . | quote }}
  sts_region: {{ $aws.region | quote }}
  {{- with $aws.auth.externalId }}
  external_id: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where the container finds its credentials. */}}
{{- define "kyma-cloudwatch.collector.awsEnv" -}}
{{- $aws := .Values.global.aws -}}
{{- $auth := $aws.auth -}}
- name: AWS_REGION
  value: {{ $aws.region }}
- name: AWS_STS_REGIONAL_ENDPOINTS
  value: regional
# Under throttling the SDK sends as fast as AWS takes it. Otherwise it uses up its quota of retries within minutes, and from
# then on awsxray and awsemf take every throttled request for one that failed for good.
- name: AWS_RETRY_MODE
  value: adaptive
{{- with $aws.endpoint }}
- name: AWS_ENDPOINT_URL_STS
  value: {{ . }}
{{- end }}
{{- if ne $auth.mode "ambient" }}
{{- /* Otherwise the role of an AWS-hosted node would stand in for credentials that are missing. */}}
- name: AWS_EC2_METADATA_DISABLED
  value: "true"
{{- end }}
{{- if eq $auth.mode "secret" }}
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ include "kyma-cloudwatch.secretName" . }}
      key: {{ $auth.secret.keys.accessKeyId | quote }}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "kyma-cloudwatch.secretName" . }}
      key: {{ $auth.secret.keys.secretAccessKey | quote }}
{{- if or $auth.secret.sessionToken $auth.secret.keys.sessionToken }}
- name: AWS_SESSION_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "kyma-cloudwatch.secretName" . }}
      key: {{ $auth.secret.keys.sessionToken | default "AWS_SESSION_TOKEN" | quote }}
{{- end }}
{{- else if eq $auth.mode "webIdentity" }}
- name: AWS_ROLE_ARN
  value: {{ $auth.webIdentity.roleArn }}
- name: AWS_WEB_IDENTITY_TOKEN_FILE
  value: /var/run/secrets/aws/token
- name: AWS_ROLE_SESSION_NAME
  value: {{ include "kyma-cloudwatch.collectorName" . }}
{{- end }}
{{- end -}}
