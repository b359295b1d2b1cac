{{/* Prefix of everything that the release brings: its name, with the chart's unless that is part of it. */}}
{{- define "nauthera.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "nauthera.operatorName" -}}
{{- printf "%s-operator" (include "nauthera.fullname" .) -}}
{{- end -}}

{{- define "nauthera.serviceAccountName" -}}
{{- default (include "nauthera.operatorName" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "nauthera.labels" -}}
app.kubernetes.io/name: nauthera-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: nauthera
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}
