{{/* The pod of the StatefulSet or Deployment. */}}
{{- define "kyma-cloudwatch.collector.pod" -}}
{{- $webIdentity := eq .Values.global.aws.auth.mode "webIdentity" -}}
metadata:
  labels:
    # Not the chart's version: a new chart alone does not roll the pods.
    {{- include "kyma-cloudwatch.selectorLabels" . | nindent 4 }}
    {{- with .Values.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed configuration rolls the pods.
    checksum/config: {{ include "kyma-cloudwatch.collector.config" . | sha256sum }}
    {{- if include "kyma-cloudwatch.collector.ownSecret" . }}
    checksum/credentials: {{ .Values.global.aws.auth.secret | toJson | sha256sum }}
    {{- end }}
    {{- if .Values.telemetry.scrape }}
    prometheus.io/scrape: "true"
    prometheus.io/port: "8888"
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "kyma-cloudwatch.collector.serviceAccountName" . }}
  # The collector never calls the Kubernetes API.
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- $securityContext := dict "runAsNonRoot" true "runAsUser" 4317 "runAsGroup" 4317 "fsGroup" 4317 "fsGroupChangePolicy" "OnRootMismatch" "seccompProfile" (dict "type" "RuntimeDefault") }}
    {{- include "kyma-cloudwatch.collector.merge" (dict "into" $securityContext "from" .Values.podSecurityContext) }}
    {{- toYaml $securityContext | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- include "kyma-cloudwatch.collector.spread" . | nindent 4 }}
  containers:
    - name: collector
      image: {{ include "kyma-cloudwatch.collector.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - --config=/etc/otelcol/config.yaml
      env:
        - name: POD_IP
          valueFrom:
            fieldRef:
              fieldPath: status.podIP
        {{- with include "kyma-cloudwatch.collector.memoryLimit" . }}
        # The garbage collector works harder before the kernel kills the container.
        - name: GOMEMLIMIT
          value: {{ div (mul (int64 .) 80) 100 | quote }}
        # Below that it works less than by default: a quarter of the CPU time was spent on it. Memory is granted by the limit.
        - name: GOGC
          value: "400"
        {{- end }}
        {{- include "kyma-cloudwatch.collector.awsEnv" . | nindent 8 }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        # Istio reads the protocol from these names.
        - name: grpc-otlp
          containerPort: 4317
        - name: http-otlp
          containerPort: 4318
        - name: metrics
          containerPort: 8888
        - name: health
          containerPort: 13133
      startupProbe:
        httpGet:
          path: /
          port: health
        periodSeconds: 2
        # Compacting a full queue at start takes its time.
        failureThreshold: 150
      readinessProbe:
        httpGet:
          path: /
          port: health
        {{- if and (include "kyma-cloudwatch.logsThroughCollector" .) (eq .Values.global.logs.exporter "otlp") }}
        # Until the start line has made the log group: AWS's OTLP endpoint refuses for good what has no group.
        initialDelaySeconds: 5
        {{- end }}
        periodSeconds: 5
      livenessProbe:
        httpGet:
          path: /
          port: health
        periodSeconds: 15
        timeoutSeconds: 5
        failureThreshold: 6
      lifecycle:
        preStop:
          # Endpoints are taken out of Services while the pod already stops: it serves until no sender is led to it.
          sleep:
            seconds: 5
      resources:
        {{- include "kyma-cloudwatch.collector.resources" . | nindent 8 }}
      securityContext:
        {{- $securityContext := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "privileged" false "capabilities" (dict "drop" (list "ALL")) }}
        {{- include "kyma-cloudwatch.collector.merge" (dict "into" $securityContext "from" .Values.securityContext) }}
        {{- toYaml $securityContext | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/otelcol
          readOnly: true
        {{- if include "kyma-cloudwatch.collector.queued" . }}
        - name: queue
          mountPath: /var/lib/otelcol
        {{- end }}
        {{- if $webIdentity }}
        - name: aws-token
          mountPath: /var/run/secrets/aws
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "kyma-cloudwatch.collectorName" . }}
    {{- if and (include "kyma-cloudwatch.collector.queued" .) (eq (include "kyma-cloudwatch.collector.kind" .) "Deployment") }}
    - name: queue
      emptyDir:
        sizeLimit: {{ include "kyma-cloudwatch.collector.volumeSize" . }}
    {{- end }}
    {{- if $webIdentity }}
    - name: aws-token
      projected:
        sources:
          - serviceAccountToken:
              path: token
              audience: {{ .Values.global.aws.auth.webIdentity.audience | quote }}
              expirationSeconds: {{ .Values.global.aws.auth.webIdentity.expirationSeconds }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "kyma-cloudwatch.collector.image" -}}
{{- $image := .Values.image -}}
{{- $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{- define "kyma-cloudwatch.collector.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "kyma-cloudwatch.collectorName" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* "true" where the chart makes the Secret from values: a changed key must then roll the pods. */}}
{{- define "kyma-cloudwatch.collector.ownSecret" -}}
{{- $auth := .Values.global.aws.auth -}}
{{- if and (eq $auth.mode "secret") (not $auth.secret.name) -}}true{{- end -}}
{{- end -}}

{{/* Spread over nodes and zones where that is possible, or as the values say. */}}
{{- define "kyma-cloudwatch.collector.spread" -}}
{{- $selector := dict "matchLabels" (include "kyma-cloudwatch.selectorLabels" . | fromYaml) -}}
{{- $constraints := .Values.topologySpreadConstraints -}}
{{- if not $constraints -}}
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" -}}
    {{- $constraints = append $constraints (dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" "ScheduleAnyway") -}}
  {{- end -}}
{{- end -}}
{{- $result := list -}}
{{- range $constraints -}}
  {{- $result = append $result (merge (dict) . (dict "labelSelector" $selector)) -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}
