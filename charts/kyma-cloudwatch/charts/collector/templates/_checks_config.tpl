{{/*
What is wrong with the configuration that the user's `config` has become a part of. Each check gets a dict of the context and the configuration.
*/}}

{{/* A configuration with which the collector would not start. */}}
{{- define "kyma-cloudwatch.collector.checks.components" -}}
{{- $context := .context -}}
{{- $config := .config -}}
{{- $path := include "kyma-cloudwatch.valuePath" (list .context "config") -}}
{{- $sections := list "receivers" "processors" "exporters" "connectors" "extensions" "service" -}}
{{- range $section := keys $config | sortAlpha -}}
  {{- if not (has $section $sections) -}}
  {{- fail (printf "\n\n%s.%s is no section of a collector's configuration. Write one of: %s.\n" $path $section (join ", " $sections)) -}}
  {{- end -}}
{{- end -}}
{{- include "kyma-cloudwatch.collector.checks.types" . -}}
{{- range $pipeline, $settings := $config.service.pipelines -}}
  {{- if not (regexMatch "^(traces|metrics|logs|profiles)(/.+)?$" $pipeline) -}}
  {{- fail (printf "\n\n%s.service.pipelines.%s is no pipeline of a signal. Begin its name with the signal:\n\n%s\n" $path $pipeline (include "kyma-cloudwatch.valueYAML" (list $context (printf "config:\n  service:\n    pipelines:\n      %s: null\n      traces/%s: {}" $pipeline $pipeline)))) -}}
  {{- end -}}
  {{- range $kind := list "receivers" "processors" "exporters" -}}
    {{- $defined := index $config $kind | default dict -}}
    {{- if ne $kind "processors" -}}{{- $defined = merge (dict) $defined ($config.connectors | default dict) -}}{{- end -}}
    {{- range $name := index $settings $kind -}}
      {{- if not (hasKey $defined $name) -}}
      {{- fail (printf "\n\n%s.service.pipelines.%s names %q among its %s, which is not defined. Define it:\n\n%s\n\nor name one of: %s.\n" $path $pipeline $name $kind (include "kyma-cloudwatch.valueYAML" (list $context (printf "config:\n  %s:\n    %s: {}" $kind $name))) (keys $defined | sortAlpha | join ", ")) -}}
      {{- end -}}
    {{- end -}}
    {{- if and (ne $kind "processors") (not (index $settings $kind)) -}}
    {{- fail (printf "\n\n%s.service.pipelines.%s has no %s: the collector would not start. Name some, or remove the pipeline:\n\n%s\n" $path $pipeline $kind (include "kyma-cloudwatch.valueYAML" (list $context (printf "config:\n  service:\n    pipelines:\n      %s: null" $pipeline)))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $extensions := $config.extensions | default dict -}}
{{- range $name := $config.service.extensions -}}
  {{- if not (hasKey $extensions $name) -}}
  {{- fail (printf "\n\n%s.service.extensions names %q, which is not defined. Define it:\n\n%s\n\nor name one of: %s.\n" $path $name (include "kyma-cloudwatch.valueYAML" (list $context (printf "config:\n  extensions:\n    %s: {}" $name))) (keys $extensions | sortAlpha | join ", ")) -}}
  {{- end -}}
{{- end -}}
{{- range $name, $exporter := $config.exporters -}}
  {{- $needed := list -}}
  {{- if kindIs "map" $exporter -}}
    {{- with $exporter.auth -}}{{- $needed = append $needed .authenticator -}}{{- end -}}
    {{- with $exporter.sending_queue -}}{{- $needed = append $needed .storage -}}{{- end -}}
  {{- end -}}
  {{- range $extension := compact $needed -}}
    {{- if not (has $extension $config.service.extensions) -}}
    {{- fail (printf "\n\n%s.exporters.%s uses extension %q, which does not run. Write:\n\n%s\n" $path $name $extension (include "kyma-cloudwatch.valueYAML" (list $context (printf "config:\n  service:\n    extensions: [%s]" (append $config.service.extensions $extension | sortAlpha | join ", "))))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Components that the image does not have, such as the transform processor. An image of one's own may have others. Some
components have two names, an older one without underscores.
*/}}
{{- define "kyma-cloudwatch.collector.checks.types" -}}
{{- $context := .context -}}
{{- $config := .config -}}
{{- if and (not $context.Values.image.tag) (hasSuffix "/aws-observability/aws-otel-collector" $context.Values.image.repository) -}}
  {{- range $kind, $types := $context.Files.Get "files/components.yaml" | fromYaml -}}
    {{- $known := list -}}
    {{- range $types -}}{{- $known = append $known (replace "_" "" .) -}}{{- end -}}
    {{- if eq $kind "exporters" -}}{{- $known = append $known "otlp" -}}{{- end -}}
    {{- range $name := keys (index $config $kind | default dict) | sortAlpha -}}
      {{- if not (has (splitList "/" $name | first | replace "_" "") $known) -}}
      {{- fail (printf "\n\n%s.%s.%s is of a type that the AWS Distro for OpenTelemetry %s does not have. Its %s are: %s. For a collector that has it, write:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list $context "config")) $kind $name $context.Chart.AppVersion $kind (join ", " $types) (include "kyma-cloudwatch.valueYAML" (list $context "image:\n  repository: registry.example.com/otelcol\n  tag: v1.0.0"))) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if $config.connectors -}}
  {{- fail (printf "\n\n%s.connectors is set, but the AWS Distro for OpenTelemetry %s has no connectors. For a collector that has them, write:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list $context "config")) $context.Chart.AppVersion (include "kyma-cloudwatch.valueYAML" (list $context "image:\n  repository: registry.example.com/otelcol\n  tag: v1.0.0"))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Queues that the volume does not hold, or that do not hold a message. Only what stands in the volume of the chart is
counted: exporters whose storage has its directory there, by bytes.
*/}}
{{- define "kyma-cloudwatch.collector.checks.queues" -}}
{{- $context := .context -}}
{{- $config := .config -}}
{{- $size := include "kyma-cloudwatch.collector.volumeSize" $context -}}
{{- $sizePath := include "kyma-cloudwatch.valuePath" (list $context "persistence.size") -}}
{{- $room := div (mul (include "kyma-cloudwatch.collector.bytes" (list $context "persistence.size" $size) | int64) 8) 10 -}}
{{- $message := mul ($context.Values.receiver.maxMessageSizeMiB | int64) 1048576 -}}
{{- $sum := 0 -}}
{{- $queues := dict -}}
{{- $least := 0 -}}
{{- range $name, $exporter := $config.exporters -}}
  {{- $queue := dict -}}
  {{- if kindIs "map" $exporter -}}{{- with $exporter.sending_queue -}}{{- if kindIs "map" . -}}{{- $queue = . -}}{{- end -}}{{- end -}}{{- end -}}
  {{- $storage := dict -}}
  {{- with $queue.storage -}}{{- $storage = index ($config.extensions | default dict) . | default dict -}}{{- end -}}
  {{- if and (hasPrefix "/var/lib/otelcol" (toString $storage.directory)) (eq (toString $queue.sizer) "bytes") -}}
    {{- $bytes := int64 $queue.queue_size -}}
    {{- $sum = add $sum $bytes -}}
    {{- $_ := set $queues $name $bytes -}}
    {{- $least = add $least $message -}}
    {{- if lt $bytes $message -}}
      {{- $own := false -}}
      {{- with $context.Values.config.exporters -}}{{- with index . $name -}}{{- with .sending_queue -}}{{- $own = hasKey . "queue_size" -}}{{- end -}}{{- end -}}{{- end -}}
      {{- if $own -}}
      {{- fail (printf "\n\n%s.exporters.%s.sending_queue.queue_size is %d bytes, less than one message of Kyma's senders may have (%s, %v MiB): the queue would refuse that message for ever. Write at least:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list $context "config")) $name $bytes (include "kyma-cloudwatch.valuePath" (list $context "receiver.maxMessageSizeMiB")) $context.Values.receiver.maxMessageSizeMiB (include "kyma-cloudwatch.valueYAML" (list $context (printf "config:\n  exporters:\n    %s:\n      sending_queue:\n        queue_size: %d" $name $message)))) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if gt (int64 $least) $room -}}
{{- fail (printf "\n\n%s is %s, too small for %d queues: each has to hold at least one message of Kyma's senders (%s, %v MiB), together in 80 %% of the volume. Write at least:\n\n%s\n" $sizePath $size (len $queues) (include "kyma-cloudwatch.valuePath" (list $context "receiver.maxMessageSizeMiB")) $context.Values.receiver.maxMessageSizeMiB (include "kyma-cloudwatch.valueYAML" (list $context (printf "persistence:\n  size: %dMi" (include "kyma-cloudwatch.collector.volumeMiB" $least | int64))))) -}}
{{- end -}}
{{- if gt (int64 $sum) $room -}}
  {{- /* A larger volume alone may not do: the queues that the chart sizes grow with it. */ -}}
  {{- $yaml := "config:\n  exporters:" -}}
  {{- range $name := keys $queues | sortAlpha -}}
    {{- $yaml = printf "%s\n    %s:\n      sending_queue:\n        queue_size: %d" $yaml $name (div $room (len $queues)) -}}
  {{- end -}}
  {{- $held := list -}}
  {{- range $name, $bytes := $queues -}}{{- $held = append $held (printf "%s %d" $name $bytes) -}}{{- end -}}
{{- fail (printf "\n\n%s is %s, of which the queues may take 80 %%, %d bytes, but they are to hold %d: %s. Write a larger volume or smaller queues, at most:\n\n%s\n" $sizePath $size $room (int64 $sum) (join ", " $held) (include "kyma-cloudwatch.valueYAML" (list $context $yaml))) -}}
{{- end -}}
{{- if and (not $context.Values.persistence.enabled) $context.Values.persistence.storageClass -}}
{{- fail (printf "\n\n%s is set, but %s is false: an emptyDir has no storage class. Write:\n\n%s\n\nor leave the storage class out.\n" (include "kyma-cloudwatch.valuePath" (list $context "persistence.storageClass")) (include "kyma-cloudwatch.valuePath" (list $context "persistence.enabled")) (include "kyma-cloudwatch.valueYAML" (list $context "persistence:\n  enabled: true"))) -}}
{{- end -}}
{{- end -}}

{{/* Size in MiB, rounded up, of a volume of which queues of so many bytes take 80 %. */}}
{{- define "kyma-cloudwatch.collector.volumeMiB" -}}
{{- div (add (mul (int64 .) 10) (sub (mul 8 1048576) 1)) (mul 8 1048576) -}}
{{- end -}}
