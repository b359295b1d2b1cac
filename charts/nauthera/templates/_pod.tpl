{{/* What every pod of the chart has. */}}
{{- define "nauthera.podSpec" -}}
enableServiceLinks: false
{{- with include "nauthera.pullSecretNames" . }}
imagePullSecrets:
  {{- range splitList "," . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What every container of the chart has. */}}
{{- define "nauthera.containerSpec" -}}
image: {{ include "nauthera.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}

{{/* Arguments that tell the operator, and what cleans up after it, where the resources are. */}}
{{- define "nauthera.whereArguments" -}}
- --namespace={{ .Release.Namespace }}
{{- with include "nauthera.watchedNamespaces" . }}
- --watch-namespaces={{ . }}
{{- end }}
{{- end -}}
