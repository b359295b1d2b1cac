{{/* The port of a URL. */}}
{{- define "nauthera.portOf" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- default (eq $url.scheme "https" | ternary "443" "80") $port -}}
{{- end -}}

{{/* What the values say of networks and traces, for a server that does not say it itself. */}}
{{- define "nauthera.defaultServerExtras" -}}
{{- $policy := dict "mode" "Disabled" -}}
{{- if .Values.networkPolicy.enabled -}}
{{- $policy = dict -}}
{{- with .Values.networkPolicy.databaseCidrs }}{{ $_ := set $policy "databaseCidrs" . }}{{ end -}}
{{- with .Values.networkPolicy.directoryCidrs }}{{ $_ := set $policy "directoryCidrs" . }}{{ end -}}
{{- end -}}
{{- $extras := dict -}}
{{- with .Values.tracing.endpoint -}}
{{- $_ := set $extras "pod" (dict "env" (list (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" .))) -}}
{{- if $.Values.networkPolicy.enabled -}}
{{- $_ := set $policy "egress" (list (dict "name" "traces" "ports" (list (include "nauthera.portOf" . | int)))) -}}
{{- end -}}
{{- end -}}
{{- if $policy }}{{ $_ := set $extras "networkPolicy" $policy }}{{ end -}}
{{- toYaml $extras -}}
{{- end -}}

{{- define "nauthera.defaultServerSpec" -}}
{{- $spec := deepCopy .Values.authorizationServer.spec -}}
{{- if not $spec.issuer }}{{ $spec = omit $spec "issuer" }}{{ end -}}
{{- if not (dig "database" "secretRef" "name" "" $spec) }}{{ $spec = omit $spec "database" }}{{ end -}}
{{- toYaml (mergeOverwrite (include "nauthera.defaultServerExtras" . | fromYaml) $spec) -}}
{{- end -}}

{{- define "nauthera.issuer" -}}
{{- default (printf "https://%s.%s.svc" .Values.authorizationServer.name .Release.Namespace) .Values.authorizationServer.spec.issuer -}}
{{- end -}}
