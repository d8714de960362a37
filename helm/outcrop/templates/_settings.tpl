{{/* Settings and secrets: from values to OUTCROP__SECTION__FIELD. */}}

{{/* Where the trial's own stand-ins, or yours, are. */}}
{{- define "outcrop.databaseUrl" -}}
{{- if .Values.trial.postgres.enabled -}}
postgres://outcrop@{{ include "outcrop.fullname" . }}-postgres:5432/outcrop
{{- else -}}
{{- required "database.url is needed: postgres://outcrop@host:5432/outcrop, or trial.postgres.enabled" .Values.database.url -}}
{{- end -}}
{{- end }}

{{- define "outcrop.cacheUrl" -}}
{{- if .Values.trial.redis.enabled -}}
redis://{{ include "outcrop.fullname" . }}-redis:6379
{{- else -}}
{{- required "cache.url is needed: rediss://host:6379, or trial.redis.enabled" .Values.cache.url -}}
{{- end -}}
{{- end }}

{{/* The common settings of a track as a map; takes root and track. Empty ones are left to the defaults of the code. */}}
{{- define "outcrop.settings" -}}
{{- $root := .root -}}
{{- $v := $root.Values -}}
{{- $fullname := include "outcrop.fullname" $root -}}
{{- $set := .track.calls | default .track.suffix -}}
{{- $workers := ternary "" .track.suffix $v.blueGreen.enabled -}}
{{- $trialAws := $v.trial.aws.enabled -}}
{{- $settings := dict
      "store.url" (include "outcrop.databaseUrl" $root)
      "store.read_url" $v.database.readUrl
      "store.max_connections" (ternary "" (toJson $v.database.maxConnections) (eq (int $v.database.maxConnections) 0))
      "cache.url" (include "outcrop.cacheUrl" $root)
      "response_cache.url" $v.cache.responseUrl
      "queue.url" (ternary "sqs://outcrop-jobs" $v.queue.url $trialAws | required "queue.url is needed: sqs://name, or trial.aws.enabled")
      "blobs.url" (ternary "s3://outcrop-files/files" $v.files.url $trialAws | required "files.url is needed: s3://bucket/prefix, or trial.aws.enabled")
      "blobs.encryption" $v.files.encryption
      "blobs.kms_key" $v.files.kmsKey
      "models.url" $v.models.url
      "models.default" $v.models.default
      "server.public_url" (include "outcrop.publicUrl" $root)
      "server.trusted_proxies" $v.trustedProxies
      "server.drain_ms" (toJson $v.drainMs)
      "services.auth" (printf "http://%s-auth%s:8080" $fullname $set)
      "services.inference" (printf "http://%s-inference%s:8080" $fullname $set)
      "services.jobs" (printf "http://%s-job-worker%s:8080" $fullname $workers)
      "telemetry.environment" $v.environment
      "telemetry.format" "json"
      "telemetry.otlp_endpoint" $v.telemetry.otlpEndpoint
      "metrics.listen" (ternary "0.0.0.0:9090" "" $v.metrics.enabled)
      "metrics.emf" (ternary "" $v.metrics.emf (eq $v.metrics.emf "off")) -}}
{{- range $setting, $value := $settings }}
{{- if ne $value "" }}
{{ include "outcrop.variable" $setting }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- with $v.aws.region | default (ternary "us-east-1" "" (or $trialAws $v.trial.emulator.enabled)) }}
AWS_REGION: {{ . }}
{{- end }}
{{- if $trialAws }}
AWS_ENDPOINT_URL: http://{{ $fullname }}-aws:5000
{{- else if $v.aws.endpointUrl }}
AWS_ENDPOINT_URL: {{ $v.aws.endpointUrl }}
{{- end }}
{{- if $v.trial.emulator.enabled }}
AWS_ENDPOINT_URL_BEDROCK: http://{{ $fullname }}-emulator:4566
AWS_ENDPOINT_URL_BEDROCK_RUNTIME: http://{{ $fullname }}-emulator:4566
{{- end }}
{{- if or $trialAws $v.trial.emulator.enabled }}
# The stand-ins take any credentials.
AWS_ACCESS_KEY_ID: local
AWS_SECRET_ACCESS_KEY: local
{{- end }}
{{- end }}

{{/* The ConfigMap's data: the common settings, and what `config` says over them. */}}
{{- define "outcrop.configData" -}}
{{- $data := include "outcrop.settings" . | fromYaml -}}
{{- range $setting, $value := .root.Values.config -}}
{{- $_ := set $data (include "outcrop.variable" $setting) (include "outcrop.text" $value) -}}
{{- end -}}
{{- toYaml $data -}}
{{- end }}

{{- define "outcrop.publicUrl" -}}
{{- if .Values.publicUrl -}}
{{- .Values.publicUrl -}}
{{- else if .Values.ingress.enabled -}}
https://{{ .Values.ingress.host }}
{{- else if and .Values.gatewayApi.enabled .Values.gatewayApi.hostnames -}}
https://{{ first .Values.gatewayApi.hostnames }}
{{- end -}}
{{- end }}

{{/* Every secret: its setting, its key in a Secret, and whom it is for. Nobody gets what it does not read. */}}
{{- define "outcrop.secretTable" -}}
keySecret: {setting: auth.key_secret, key: key-secret, for: [auth, inference, job-worker]}
internalSecret: {setting: internal.secret, key: internal-secret, for: [gateway, auth, inference, job-worker]}
databasePassword: {setting: store.password, key: database-password, for: [auth, inference, job-worker, migrate]}
cachePassword: {setting: cache.password, key: cache-password, for: [gateway, auth, inference, job-worker]}
signingKey: {setting: auth.signing_key, key: signing-key, for: [auth]}
federation: {setting: auth.federation, key: federation, for: [auth]}
staticKey: {setting: auth.static_key, key: static-key, for: [auth]}
staticKeys: {setting: auth.static_keys, key: static-keys, for: [auth]}
responseCacheUrl: {setting: response_cache.url, key: response-cache-url, for: [inference]}
webhookUrl: {setting: alerts.webhook_url, key: webhook-url, for: [job-worker]}
webhookSecret: {setting: alerts.webhook_secret, key: webhook-secret, for: [job-worker]}
otlpHeaders: {setting: telemetry.otlp_headers, key: otlp-headers, for: [gateway, auth, inference, job-worker]}
{{- end }}

{{/* The secrets of a component that there are, as a list of {variable, key, name}; takes root and component. */}}
{{- define "outcrop.secretsOf" -}}
{{- $secrets := .root.Values.secrets -}}
{{- $component := .component -}}
{{- $found := list -}}
{{- range $name, $secret := include "outcrop.secretTable" . | fromYaml -}}
{{- $is := get $secrets.names $name -}}
{{- if eq $secrets.from "existing" -}}{{- $is = has $secret.key $secrets.existing.keys -}}{{- end -}}
{{- if eq $secrets.from "generated" -}}{{- $is = has $secret.key (list "key-secret" "internal-secret" "database-password") -}}{{- end -}}
{{- if and $is (or (not $component) (has $component $secret.for)) -}}
{{- $found = append $found (dict "variable" (include "outcrop.variable" $secret.setting) "key" $secret.key "name" (get $secrets.names $name)) -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{/* Which Secret a component reads; takes the same. The CSI driver makes one for each, of what its role may read. */}}
{{- define "outcrop.secretName" -}}
{{- $fullname := include "outcrop.fullname" .root -}}
{{- $from := .root.Values.secrets.from -}}
{{- if eq $from "existing" -}}
{{- .root.Values.secrets.existing.name -}}
{{- else if or (eq $from "csi") (and (eq $from "externalSecrets") (eq .component "migrate")) -}}
{{- printf "%s-%s-secrets" $fullname .component -}}
{{- else -}}
{{- printf "%s-secrets" $fullname -}}
{{- end -}}
{{- end }}

{{/* The environment by which a component has its secrets; takes the same. */}}
{{- define "outcrop.secretEnv" -}}
{{- $this := . -}}
{{- range include "outcrop.secretsOf" . | fromJsonArray }}
- name: {{ .variable }}
{{- if eq $this.root.Values.secrets.from "native" }}
  value: {{ printf "secretsmanager://%s" .name | quote }}
{{- else }}
  valueFrom:
    secretKeyRef: {name: {{ include "outcrop.secretName" $this }}, key: {{ .key }}}
{{- end }}
{{- end }}
{{- end }}
