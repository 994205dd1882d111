{{/*
A Kubernetes quantity such as 512Mi, 1.5G, 250m or 1073741824, in thousandths: a list of the context, the value's path
within the chart for a message, and the quantity.
*/}}
{{- define "kyma-cloudwatch.collector.quantity" -}}
{{- $text := toString (index . 2) -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?([eE]\\+?[0-9]+)?" $text -}}
{{- $unit := trimPrefix $number $text -}}
{{- $factors := dict "n" 1e-6 "u" 1e-3 "m" 1 "" 1e3 "k" 1e6 "M" 1e9 "G" 1e12 "T" 1e15 "Ki" 1024000 "Mi" 1048576000 "Gi" 1073741824000 "Ti" 1099511627776000 -}}
{{- if or (not $number) (not (hasKey $factors $unit)) -}}
{{- $path := splitList "." (index . 1) -}}
{{- $yaml := printf "%s: 1Gi" (last $path) -}}
{{- range initial $path | reverse -}}{{- $yaml = printf "%s:\n%s" . (indent 2 $yaml) -}}{{- end -}}
{{- fail (printf "\n\n%s is %q, which is not a Kubernetes quantity. Write, for example:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list (index . 0) (index . 1))) $text (include "kyma-cloudwatch.valueYAML" (list (index . 0) $yaml))) -}}
{{- end -}}
{{- mulf (float64 $number) (float64 (get $factors $unit)) | int64 -}}
{{- end -}}

{{/* The same in whole units, such as bytes. */}}
{{- define "kyma-cloudwatch.collector.bytes" -}}
{{- div (include "kyma-cloudwatch.collector.quantity" . | int64) 1000 -}}
{{- end -}}

{{/* The container's memory limit in bytes; empty without one. */}}
{{- define "kyma-cloudwatch.collector.memoryLimit" -}}
{{- with dig "limits" "memory" "" (include "kyma-cloudwatch.collector.resources" . | fromYaml) -}}{{ include "kyma-cloudwatch.collector.bytes" (list $ "resources.limits.memory" .) }}{{- end -}}
{{- end -}}
