{{/* Names, labels, images and scalars. */}}

{{- define "outcrop.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What tells this release's objects from others, and never changes. */}}
{{- define "outcrop.instance" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of any object; takes root, component, and a track if it has one. */}}
{{- define "outcrop.labels" -}}
{{ include "outcrop.instance" .root }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: outcrop
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") }}
{{- with .track }}
track: {{ . }}
{{- end }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of pods: nothing that changes with the chart alone, or every release of it would restart them all. Takes root, component, track, image. */}}
{{- define "outcrop.podLabels" -}}
{{ include "outcrop.selector" . }}
app.kubernetes.io/part-of: outcrop
app.kubernetes.io/version: {{ splitList "/" .image | last | splitList ":" | last | trunc 63 | quote }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What Services, Deployments, policies choose pods by; takes the same. */}}
{{- define "outcrop.selector" -}}
{{ include "outcrop.instance" .root }}
app.kubernetes.io/component: {{ .component }}
{{- with .track }}
track: {{ . }}
{{- end }}
{{- end }}

{{/* An image of ours; takes root, image (its name), and a tag and digests in the place of the common ones. */}}
{{- define "outcrop.image" -}}
{{- $image := .root.Values.image -}}
{{- $repository := list $image.registry $image.repository .image | compact | join "/" -}}
{{- /* Another version has digests of its own, or none: never those of the common one. */ -}}
{{- $digest := get (ternary .digests $image.digests (not (empty (or .tag .digests))) | default dict) .image -}}
{{- $tag := .tag | default $image.tag | default .root.Chart.AppVersion -}}
{{- if $digest -}}
{{- printf "%s@%s" $repository $digest -}}
{{- else -}}
{{- printf "%s:%s" $repository $tag -}}
{{- end -}}
{{- end }}

{{- define "outcrop.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* A value of `config` as text. Numbers come as floats, which would print as 1e+06. */}}
{{- define "outcrop.text" -}}
{{- if kindIs "string" . -}}{{ . }}{{- else -}}{{ toJson . }}{{- end -}}
{{- end }}

{{/* `limits.assumed_output_tokens` as the environment has it. */}}
{{- define "outcrop.variable" -}}
OUTCROP__{{ . | replace "." "__" | upper }}
{{- end }}

{{/* Who pods run as; takes the number of the user. */}}
{{- define "outcrop.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "outcrop.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where pods of ours may run: the architecture of the release goes with what the service asks for. */}}
{{- define "outcrop.nodes" -}}
{{- $selector := .values.nodeSelector | default dict -}}
{{- if .root.Values.arch -}}
{{- $selector = merge (dict "kubernetes.io/arch" .root.Values.arch) $selector -}}
{{- end -}}
{{- with $selector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
