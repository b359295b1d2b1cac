{{- define "nauthera.demoName" -}}
{{- printf "%s-demo" (include "nauthera.fullname" .) -}}
{{- end -}}

{{/* Metadata of an object of the demo. Call with (list $ "component" name). */}}
{{- define "nauthera.demoMetadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 2 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "nauthera.labelsOf" (list $root (index . 1)) | nindent 2 }}
{{- with include "nauthera.annotations" (list $root dict) }}
{{ . }}
{{- end }}
{{- end -}}

{{- define "nauthera.demoSelector" -}}
{{- include "nauthera.selectorLabels" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The Secret with the address of the default server's database: the user's, or that of the demo. */}}
{{- define "nauthera.databaseSecret" -}}
{{- $given := dig "database" "secretRef" "name" "" .Values.authorizationServer.spec -}}
{{- if and $given .Values.demo.enabled -}}
{{- fail "demo.enabled is for a server without a database of its own: its directory lets anybody sign in. Set demo.enabled=false, or leave authorizationServer.spec.database out" -}}
{{- else if .Values.demo.enabled -}}
{{- printf "%s-database" (include "nauthera.demoName" .) -}}
{{- else -}}
{{- $given -}}
{{- end -}}
{{- end -}}
