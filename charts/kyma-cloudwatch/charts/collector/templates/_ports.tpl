{{/* Ports that senders use, of both Services. Istio reads the protocol from their names. */}}
{{- define "kyma-cloudwatch.collector.servicePorts" -}}
- name: grpc-otlp
  port: 4317
  targetPort: grpc-otlp
  appProtocol: grpc
- name: http-otlp
  port: 4318
  targetPort: http-otlp
  appProtocol: http
{{- end -}}
