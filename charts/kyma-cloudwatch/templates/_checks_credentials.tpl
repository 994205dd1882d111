{{/* The access key and the Secret that holds it. */}}
{{- define "kyma-cloudwatch.checks.credentials" -}}
{{- $auth := .Values.global.aws.auth -}}
{{- $secret := $auth.secret -}}
{{- if eq $auth.mode "secret" -}}
  {{- if and $secret.name (or $secret.accessKeyId $secret.secretAccessKey $secret.sessionToken) -}}
  {{- fail "\n\nglobal.aws.auth.secret names an existing Secret and also gives an access key: it is unclear which one counts. Write only the name:\n\nglobal:\n  aws:\n    auth:\n      secret:\n        name: aws-credentials\n        accessKeyId: \"\"\n        secretAccessKey: \"\"\n        sessionToken: \"\"\n" -}}
  {{- end -}}
  {{- if and (not $secret.name) (not (and $secret.accessKeyId $secret.secretAccessKey)) -}}
  {{- fail (printf "\n\nglobal.aws.auth.secret.name is missing: in mode \"secret\" the credentials come from a Secret. Make it and name it:\n\n  kubectl -n %s create secret generic aws-credentials --from-literal=AWS_ACCESS_KEY_ID=... --from-literal=AWS_SECRET_ACCESS_KEY=...\n\nglobal:\n  aws:\n    auth:\n      secret:\n        name: aws-credentials\n" .Release.Namespace) -}}
  {{- end -}}
  {{- /* The prefixes are IAM's: AKIA of a user's access key, ASIA of a temporary one. */ -}}
  {{- if regexMatch "^A[KS]IA[A-Z2-7]{16}$" $secret.secretAccessKey -}}
  {{- fail "\n\nglobal.aws.auth.secret.secretAccessKey looks like an access key id. Write the two the other way round:\n\nglobal:\n  aws:\n    auth:\n      secret:\n        accessKeyId: AKIAEXAMPLE\n        secretAccessKey: EXAMPLEKEY\n" -}}
  {{- end -}}
  {{- if and (hasPrefix "ASIA" $secret.accessKeyId) (not $secret.sessionToken) -}}
  {{- fail "\n\nglobal.aws.auth.secret.accessKeyId is a temporary key (ASIA...), which AWS refuses without its session token. Write:\n\nglobal:\n  aws:\n    auth:\n      secret:\n        sessionToken: EXAMPLETOKEN\n" -}}
  {{- end -}}
  {{- $seen := dict -}}
  {{- range $value, $key := $secret.keys -}}
    {{- if and $key (hasKey $seen $key) -}}
    {{- fail (printf "\n\nglobal.aws.auth.secret.keys.%s and global.aws.auth.secret.keys.%s are both %q: one key of the Secret cannot hold two values. Write, for example:\n\nglobal:\n  aws:\n    auth:\n      secret:\n        keys:\n          accessKeyId: AWS_ACCESS_KEY_ID\n          secretAccessKey: AWS_SECRET_ACCESS_KEY\n" (get $seen $key) $value $key) -}}
    {{- end -}}
    {{- $_ := set $seen $key $value -}}
  {{- end -}}
{{- else -}}
  {{- if or $secret.name $secret.accessKeyId $secret.secretAccessKey $secret.sessionToken -}}
  {{- fail (printf "\n\nglobal.aws.auth.secret is given, but global.aws.auth.mode is %q, which reads no Secret. Use the Secret:\n\nglobal:\n  aws:\n    auth:\n      mode: secret\n\nor leave global.aws.auth.secret out.\n" $auth.mode) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
