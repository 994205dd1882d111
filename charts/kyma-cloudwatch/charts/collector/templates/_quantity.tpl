{{/* Bytes of a Kubernetes quantity such as 512Mi, 1.5G or 1073741824. */}}
{{- define "kyma-cloudwatch.collector.bytes" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?([eE]\\+?[0-9]+)?" $text -}}
{{- $unit := trimPrefix $number $text -}}
{{- $factors := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- if or (not $number) (not (hasKey $factors $unit)) -}}
{{- fail (printf "\n\n%q is not a size in bytes. Write a Kubernetes quantity:\n\ncollector:\n  resources:\n    limits:\n      memory: 1Gi\n" $text) -}}
{{- end -}}
{{- mulf (float64 $number) (float64 (get $factors $unit)) | int64 -}}
{{- end -}}

{{/* The container's memory limit in bytes; empty without one. */}}
{{- define "kyma-cloudwatch.collector.memoryLimit" -}}
{{- with dig "limits" "memory" "" (include "kyma-cloudwatch.collector.resources" . | fromYaml) -}}{{ include "kyma-cloudwatch.collector.bytes" . }}{{- end -}}
{{- end -}}
