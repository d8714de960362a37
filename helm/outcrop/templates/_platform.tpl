{{/* What runs: the table of services, the versions that run side by side, and each service of each version. */}}

{{/*
The services by their names in values. `calls` is what the code does (docs/ARCHITECTURE.md): the network policies
are made of it. `postgres` tells who has the ledger's database.
*/}}
{{- define "outcrop.table" -}}
gateway: {component: gateway, calls: [auth, inference, job-worker], postgres: false}
auth: {component: auth, calls: [], postgres: true}
inference: {component: inference, calls: [job-worker], postgres: true}
jobWorker: {component: job-worker, calls: [inference], postgres: true}
{{- end }}

{{/*
Versions side by side. One, `stable`, as a rule; with `canary` a second; with `blueGreen` up to two. Whoever calls the
gateway by its name without a suffix calls `main`.
*/}}
{{- define "outcrop.tracks" -}}
{{- $values := .Values -}}
{{- if $values.blueGreen.enabled -}}
{{- range $color := list "blue" "green" }}
{{- $set := get $values.blueGreen $color -}}
{{- if or $set.tag $set.digests }}
{{- $active := eq $color $values.blueGreen.active }}
- {name: {{ $color }}, suffix: -{{ $color }}, tag: {{ $set.tag | quote }}, digests: {{ toJson $set.digests }}, main: {{ $active }}, weight: {{ ternary 100 0 $active }}}
{{- end }}
{{- end }}
{{- else }}
- {name: stable, suffix: "", tag: "", digests: {}, main: true, weight: {{ ternary (sub 100 (int $values.canary.weight)) 100 $values.canary.enabled }}}
{{- if $values.canary.enabled }}
- {name: canary, suffix: -canary, tag: {{ $values.canary.tag | quote }}, digests: {{ toJson $values.canary.digests }}, main: false, weight: {{ int $values.canary.weight }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "outcrop.mainTrack" -}}
{{- range include "outcrop.tracks" . | fromYamlArray }}{{ if .main }}{{ toJson . }}{{ end }}{{ end -}}
{{- end }}

{{/*
The job workers of `blueGreen`: both sets use the same, or each would do half of the jobs. They have the version of the
active set and call its services (`calls`), but their name and labels are those of a release without colours: a switch
is a rolling update of them, and changes no pod of either set.
*/}}
{{- define "outcrop.workerTrack" -}}
{{- $main := include "outcrop.mainTrack" . | fromJson -}}
{{- dict "name" "stable" "suffix" "" "calls" $main.suffix "tag" $main.tag "digests" $main.digests "main" true | toJson -}}
{{- end }}

{{/* A service's values: its own over the defaults. Takes root and name. */}}
{{- define "outcrop.serviceValues" -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (get .root.Values.services .name)) | toYaml -}}
{{- end }}

{{/* Each service of each track, as a list: all that the other templates need to know of it. */}}
{{- define "outcrop.units" -}}
{{- $root := . -}}
{{- $fullname := include "outcrop.fullname" . -}}
{{- $units := list -}}
{{- range $set := include "outcrop.tracks" . | fromYamlArray -}}
{{- range $name, $service := include "outcrop.table" $root | fromYaml -}}
{{- $shared := and $root.Values.blueGreen.enabled (eq $name "jobWorker") -}}
{{- if or $set.main (not $shared) -}}
{{- $track := $set -}}
{{- if $shared -}}{{- $track = include "outcrop.workerTrack" $root | fromJson -}}{{- end -}}
{{- $values := include "outcrop.serviceValues" (dict "root" $root "name" $name) | fromYaml -}}
{{- $stateful := and (eq $name "inference") (eq $root.Values.spool.kind "perReplica") -}}
{{- $kind := ternary "StatefulSet" (ternary "Rollout" "Deployment" $root.Values.rollouts.enabled) $stateful -}}
{{- $keda := and (eq $name "jobWorker") $root.Values.keda.enabled -}}
{{- $canary := eq $track.name "canary" -}}
{{- $scaled := and (not $canary) (or $keda $values.autoscaling.enabled) -}}
{{- $least := int (ternary $root.Values.keda.minReplicas (ternary $values.autoscaling.minReplicas $values.replicas $values.autoscaling.enabled) $keda) -}}
{{- if $canary -}}{{- $least = int (get $root.Values.canary.replicas $name) -}}{{- end -}}
{{- $unit := dict "name" $name "component" $service.component "calls" $service.calls "postgres" $service.postgres
      "track" $track "values" $values "kind" $kind "scaled" $scaled "keda" $keda "least" $least
      "fullname" (printf "%s-%s%s" $fullname $service.component $track.suffix)
      "account" ($values.serviceAccount.name | default (printf "%s-%s" $fullname $service.component))
      "image" (include "outcrop.image" (dict "root" $root "image" $service.component "tag" $track.tag "digests" $track.digests)) -}}
{{- $units = append $units $unit -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $units -}}
{{- end }}

{{- define "outcrop.apiVersion" -}}
{{- eq . "Rollout" | ternary "argoproj.io/v1alpha1" "apps/v1" -}}
{{- end }}

{{/* How the database is brought up to date. A hook comes before the release's own Postgres, so that a trial does it otherwise. */}}
{{- define "outcrop.migrateMode" -}}
{{- .Values.migrate.mode | default (ternary "initContainer" "hook" .Values.trial.postgres.enabled) -}}
{{- end }}

{{/* Faults that a schema cannot see, said in words before anything is made. */}}
{{- define "outcrop.validate" -}}
{{- $v := .Values -}}
{{- $ways := 0 -}}
{{- range list $v.canary.enabled $v.blueGreen.enabled $v.rollouts.enabled -}}
{{- if . -}}{{- $ways = add1 $ways -}}{{- end -}}
{{- end -}}
{{- if gt (int $ways) 1 -}}
{{- fail "canary, blueGreen and rollouts are three ways to do one thing: enable one of them" -}}
{{- end -}}
{{- if and $v.canary.enabled (not (or $v.canary.tag $v.canary.digests)) -}}
{{- fail "canary.enabled needs canary.tag or canary.digests: a canary of the same version tells nothing" -}}
{{- end -}}
{{- if and $v.canary.enabled (not (or $v.ingress.enabled $v.gatewayApi.enabled)) -}}
{{- fail "canary.enabled needs ingress.enabled or gatewayApi.enabled: a Service alone cannot weigh" -}}
{{- end -}}
{{- if and $v.ingress.enabled (ne $v.ingress.className "alb") (or $v.canary.enabled $v.blueGreen.enabled) -}}
{{- fail "weights are told to the AWS Load Balancer Controller alone: with another Ingress class use gatewayApi" -}}
{{- end -}}
{{- if and $v.ingress.enabled (ne $v.ingress.className "alb") $v.rollouts.enabled (eq $v.rollouts.strategy "canary") -}}
{{- fail "Argo Rollouts is told to weigh at an ALB or the Gateway API: with another Ingress class use gatewayApi, or rollouts.strategy=blueGreen, which needs no weights" -}}
{{- end -}}
{{- if $v.blueGreen.enabled -}}
{{- $active := get $v.blueGreen $v.blueGreen.active -}}
{{- if not (or $active.tag $active.digests) -}}
{{- fail (printf "blueGreen.active is %s, which has neither a tag nor digests" $v.blueGreen.active) -}}
{{- end -}}
{{- range $service := include "outcrop.table" . | fromYaml -}}
{{- if hasKey ($v.image.digests | default dict) $service.component -}}
{{- fail (printf "image.digests.%s would change nothing: the sets of blueGreen have digests of their own, blueGreen.<colour>.digests (image.digests=null takes away what an upgrade before has set)" $service.component) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.host) -}}
{{- fail "ingress.enabled needs ingress.host" -}}
{{- end -}}
{{- if and $v.ingress.enabled (eq $v.ingress.className "alb") (not $v.ingress.alb.certificateArn) -}}
{{- fail "ingress.alb.certificateArn is needed: keys are not sent in the clear" -}}
{{- end -}}
{{- if and $v.gatewayApi.enabled (not $v.gatewayApi.parentRefs) -}}
{{- fail "gatewayApi.enabled needs gatewayApi.parentRefs" -}}
{{- end -}}
{{- if and (eq $v.spool.kind "shared") (not $v.spool.existingClaim) -}}
{{- fail "spool.kind shared needs spool.existingClaim, a volume that many nodes can write" -}}
{{- end -}}
{{- if and (eq $v.secrets.from "existing") (not $v.secrets.existing.name) -}}
{{- fail "secrets.from existing needs secrets.existing.name" -}}
{{- end -}}
{{- if and $v.secrets.reloader (eq $v.secrets.from "native") -}}
{{- fail "secrets.reloader has no Secret to look at with secrets.from=native: services ask again by themselves" -}}
{{- end -}}
{{- if and $v.cache.responseUrl (or $v.secrets.names.responseCacheUrl (and (eq $v.secrets.from "existing") (has "response-cache-url" $v.secrets.existing.keys))) -}}
{{- fail "cache.responseUrl, and the same from a secret: one of them is not meant" -}}
{{- end -}}
{{- range $unit := include "outcrop.units" . | fromJsonArray -}}
{{- if and $unit.scaled (not $unit.keda) (not $unit.values.autoscaling.cpu) (not $unit.values.autoscaling.metrics) -}}
{{- fail (printf "services.%s.autoscaling has neither cpu nor metrics: Kubernetes would take a CPU of its own choice" $unit.name) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $v.secrets.from "generated") (not $v.trial.postgres.enabled) -}}
{{- fail "secrets.from generated is for trials (trial.postgres.enabled): a secret that only the cluster knows is lost with it" -}}
{{- end -}}
{{- if and $v.trial.postgres.enabled (not (has $v.secrets.from (list "generated" "existing"))) -}}
{{- fail "trial.postgres takes its password from a Secret: set secrets.from to generated or existing" -}}
{{- end -}}
{{- range $stand, $own := dict "postgres" $v.database.url "redis" $v.cache.url -}}
{{- if and (get $v.trial $stand).enabled $own -}}
{{- fail (printf "trial.%s.enabled, and %s is to be used: one of them is not meant" $stand $own) -}}
{{- end -}}
{{- end -}}
{{- if and $v.trial.aws.enabled (or $v.queue.url $v.files.url) -}}
{{- fail "trial.aws.enabled, and queue.url or files.url is set: one of them is not meant" -}}
{{- end -}}
{{- if and $v.trial.postgres.enabled (eq (include "outcrop.migrateMode" .) "hook") -}}
{{- fail "migrate.mode hook runs before the trial's Postgres is there; leave it empty" -}}
{{- end -}}
{{- if and $v.keda.enabled (not (hasPrefix "https://" (include "outcrop.kedaQueue" .))) -}}
{{- fail "keda.queueUrl must be the https:// URL of the queue" -}}
{{- end -}}
{{- if and $v.keda.enabled (not $v.aws.region) -}}
{{- fail "keda.enabled needs aws.region" -}}
{{- end -}}
{{- end }}

{{- define "outcrop.kedaQueue" -}}
{{- .Values.keda.queueUrl | default .Values.queue.url -}}
{{- end }}
