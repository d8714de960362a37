{{/* The pod of a service; takes root and unit. */}}
{{- define "outcrop.pod" -}}
{{- $root := .root -}}
{{- $unit := .unit -}}
{{- $values := $unit.values -}}
{{- $config := include "outcrop.configData" (dict "root" $root "track" $unit.track) -}}
metadata:
  labels: {{- include "outcrop.podLabels" (dict "root" $root "component" $unit.component "track" $unit.track.name "image" $unit.image) | nindent 4 }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Pods read their settings when they start. Routes are read again by themselves, and restart nobody.
    checksum/settings: {{ printf "%s%s" $config (omit $root.Values.configFiles "routes.toml" | toJson) | sha256sum }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ $unit.account }}
  automountServiceAccountToken: false
  # Variables such as OUTCROP_EMULATOR_PORT, which Kubernetes would make of the names of Services, mean something else to us.
  enableServiceLinks: false
  {{- with include "outcrop.pullSecrets" $root | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  # The pause before the signal, the drain, and time to ship what usage is left.
  terminationGracePeriodSeconds: {{ add $values.preStopSeconds (div (add $root.Values.drainMs 999) 1000) 15 }}
  securityContext: {{- include "outcrop.podSecurity" 65532 | nindent 4 }}
  {{- with include "outcrop.nodes" (dict "root" $root "values" $values) | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "outcrop.spread" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- if and $unit.postgres (eq (include "outcrop.migrateMode" $root) "initContainer") }}
  initContainers:
    - {{ include "outcrop.migrateContainer" (dict "root" $root "component" $unit.component "track" $unit.track) | indent 6 | trim }}
  {{- end }}
  containers:
    - name: {{ $unit.component }}
      image: {{ $unit.image }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      securityContext: {{- include "outcrop.containerSecurity" . | nindent 8 }}
      ports:
        - {name: http, containerPort: 8080}
        {{- if $root.Values.metrics.enabled }}
        - {name: metrics, containerPort: 9090}
        {{- end }}
      envFrom:
        - configMapRef: {name: {{ include "outcrop.fullname" $root }}-settings{{ $unit.track.suffix }}}
      {{- with include "outcrop.podEnv" . | trim }}
      env: {{- . | nindent 8 }}
      {{- end }}
      startupProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 2
        failureThreshold: {{ div (add $values.startSeconds 1) 2 }}
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 10
        timeoutSeconds: 3
        failureThreshold: 6
      # Dependencies are asked within two seconds; a service without those that it needs gets no requests.
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        preStop:
          # The images have no shell: the kubelet itself waits until load balancers know.
          sleep: {seconds: {{ $values.preStopSeconds }}}
      resources: {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /data}
        {{- if $root.Values.configFiles }}
        - {name: files, mountPath: /etc/outcrop, readOnly: true}
        {{- end }}
        {{- if eq $root.Values.secrets.from "csi" }}
        - {name: secrets, mountPath: /mnt/secrets, readOnly: true}
        {{- end }}
  {{- with include "outcrop.volumes" . | trim }}
  volumes: {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* A StatefulSet brings the volume `data` itself. */}}
{{- define "outcrop.volumes" -}}
{{- $values := .root.Values -}}
{{- $spooling := eq .unit.component "inference" -}}
{{- if and $spooling (eq $values.spool.kind "shared") }}
- name: data
  persistentVolumeClaim: {claimName: {{ $values.spool.existingClaim }}}
{{- else if ne .unit.kind "StatefulSet" }}
- name: data
  emptyDir: {sizeLimit: {{ ternary $values.spool.size "256Mi" $spooling }}}
{{- end }}
{{- if $values.configFiles }}
- name: files
  configMap: {name: {{ include "outcrop.fullname" .root }}-files}
{{- end }}
{{- if eq $values.secrets.from "csi" }}
- {{ include "outcrop.csiVolume" (dict "root" .root "component" .unit.component) | indent 2 | trim }}
{{- end }}
{{- end }}

{{- define "outcrop.podEnv" -}}
{{- $root := .root -}}
{{- include "outcrop.secretEnv" (dict "root" $root "component" .unit.component) }}
{{- if and (eq .unit.name "gateway") $root.Values.ingress.enabled (eq $root.Values.ingress.className "alb") (not (hasKey $root.Values.config "server.keep_alive_ms")) }}
# Idle connections are the load balancer's to close: one that we closed first would be a 502 for whoever just used it.
- {name: OUTCROP__SERVER__KEEP_ALIVE_MS, value: {{ mul (add $root.Values.ingress.alb.idleTimeoutSeconds 15) 1000 | quote }}}
{{- end }}
{{- range $setting, $value := .unit.values.config }}
- name: {{ include "outcrop.variable" $setting }}
  value: {{ include "outcrop.text" $value | quote }}
{{- end }}
{{- with .unit.values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Zones and nodes. Pods of the version before do not count, or a rolling update would end up lopsided. */}}
{{- define "outcrop.spread" -}}
{{- $unit := .unit -}}
{{- $root := .root -}}
{{- $keys := dict "topology.kubernetes.io/zone" $unit.values.spread.zone "kubernetes.io/hostname" $unit.values.spread.host -}}
{{- if or $unit.values.spread.zone $unit.values.spread.host -}}
topologySpreadConstraints:
{{- range $key, $when := $keys }}
{{- if $when }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $when }}
    {{- if eq $unit.kind "Deployment" }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
    labelSelector:
      matchLabels: {{- include "outcrop.selector" (dict "root" $root "component" $unit.component "track" $unit.track.name) | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "outcrop.csiVolume" -}}
name: secrets
csi:
  driver: secrets-store.csi.k8s.io
  readOnly: true
  volumeAttributes: {secretProviderClass: {{ include "outcrop.fullname" .root }}-{{ .component }}}
{{- end }}

{{/* `outcrop migrate`; takes root, the component whose secrets it uses, and a track. */}}
{{- define "outcrop.migrateContainer" -}}
{{- $root := .root -}}
name: migrate
image: {{ include "outcrop.image" (dict "root" $root "image" "outcrop" "tag" .track.tag "digests" .track.digests) }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args: [migrate]
securityContext: {{- include "outcrop.containerSecurity" . | nindent 2 }}
resources: {{- toYaml $root.Values.migrate.resources | nindent 2 }}
env:
  - {name: OUTCROP__STORE__URL, value: {{ include "outcrop.databaseUrl" $root | quote }}}
  {{- with $root.Values.aws.region }}
  - {name: AWS_REGION, value: {{ . }}}
  {{- end }}
  {{- with $root.Values.aws.endpointUrl }}
  - {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
  {{- end }}
  {{- range include "outcrop.secretEnv" . | fromYamlArray }}
  {{- if eq .name "OUTCROP__STORE__PASSWORD" }}
  - {{ toYaml . | indent 4 | trim }}
  {{- end }}
  {{- end }}
volumeMounts:
  - {name: data, mountPath: /data}
  {{- if eq $root.Values.secrets.from "csi" }}
  - {name: secrets, mountPath: /mnt/secrets, readOnly: true}
  {{- end }}
{{- end }}

{{- define "outcrop.adminImage" -}}
{{- $track := include "outcrop.mainTrack" . | fromJson -}}
{{- include "outcrop.image" (dict "root" . "image" "outcrop" "tag" $track.tag "digests" $track.digests) -}}
{{- end }}

{{/* A pod for the admin commands, as `kubectl run --overrides` takes it: what the auth service knows, on its nodes, under a name no Service chooses. */}}
{{- define "outcrop.adminOverrides" -}}
{{- $track := include "outcrop.mainTrack" . | fromJson -}}
{{- $image := include "outcrop.adminImage" . -}}
{{- $auth := dict -}}
{{- range include "outcrop.units" . | fromJsonArray }}{{ if and (eq .name "auth") .track.main }}{{ $auth = . }}{{ end }}{{ end -}}
{{- $container := dict "name" "outcrop-admin" "image" $image "imagePullPolicy" .Values.image.pullPolicy "resources" .Values.migrate.resources
      "args" (list "keys" "create" "--name" "me")
      "env" (include "outcrop.secretEnv" (dict "root" . "component" "auth") | fromYamlArray)
      "envFrom" (list (dict "configMapRef" (dict "name" (printf "%s-settings%s" (include "outcrop.fullname" .) $track.suffix))))
      "securityContext" (include "outcrop.containerSecurity" . | fromYaml)
      "volumeMounts" (list (dict "name" "data" "mountPath" "/data")) -}}
{{- $spec := dict "serviceAccountName" $auth.account "automountServiceAccountToken" false "enableServiceLinks" false
      "securityContext" (include "outcrop.podSecurity" 65532 | fromYaml) "containers" (list $container)
      "volumes" (list (dict "name" "data" "emptyDir" dict)) -}}
{{- $spec = merge $spec (include "outcrop.pullSecrets" . | fromYaml) (include "outcrop.nodes" (dict "root" . "values" $auth.values) | fromYaml) -}}
{{- dict "metadata" (dict "labels" (include "outcrop.podLabels" (dict "root" . "component" "admin" "image" $image) | fromYaml)) "spec" $spec | toJson -}}
{{- end }}
