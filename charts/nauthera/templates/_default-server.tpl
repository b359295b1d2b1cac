{{/* What the values say of networks, for a server that does not say it itself. */}}
{{- define "nauthera.defaultServerExtras" -}}
{{- $policy := dict "mode" "Disabled" -}}
{{- if .Values.networkPolicy.enabled -}}
{{- $policy = dict -}}
{{- with .Values.networkPolicy.databaseCidrs }}{{ $_ := set $policy "databaseCidrs" . }}{{ end -}}
{{- with .Values.networkPolicy.directoryCidrs }}{{ $_ := set $policy "directoryCidrs" . }}{{ end -}}
{{- end -}}
{{- $extras := dict -}}
{{- if $policy }}{{ $_ := set $extras "networkPolicy" $policy }}{{ end -}}
{{- toYaml $extras -}}
{{- end -}}

{{- define "nauthera.defaultServerSpec" -}}
{{- $spec := deepCopy .Values.authorizationServer.spec -}}
{{- if not $spec.issuer }}{{ $spec = omit $spec "issuer" }}{{ end -}}
{{- if not (dig "database" "secretRef" "name" "" $spec) }}{{ $spec = omit $spec "database" }}{{ end -}}
{{- with include "nauthera.databaseSecret" . }}{{ $spec = mergeOverwrite $spec (dict "database" (dict "secretRef" (dict "name" .))) }}{{ end -}}
{{- toYaml (mergeOverwrite (include "nauthera.defaultServerExtras" . | fromYaml) $spec) -}}
{{- end -}}

{{- define "nauthera.issuer" -}}
{{- default (printf "https://%s.%s.svc" .Values.authorizationServer.name .Release.Namespace) .Values.authorizationServer.spec.issuer -}}
{{- end -}}
