{{- define "nauthera.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{/* Prefix of everything that the release brings: its name, with the chart's unless that is part of it. */}}
{{- define "nauthera.fullname" -}}
{{- $name := include "nauthera.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "nauthera.operatorName" -}}
{{- printf "%s-operator" (include "nauthera.fullname" .) -}}
{{- end -}}

{{- define "nauthera.serviceAccountName" -}}
{{- default (include "nauthera.operatorName" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "nauthera.defaultServerName" -}}
{{- printf "%s-default-server" (include "nauthera.fullname" .) -}}
{{- end -}}

{{/* By which Services, Deployments and policies find the operator's pods: never changed by an upgrade. */}}
{{- define "nauthera.selectorLabels" -}}
app.kubernetes.io/name: nauthera-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Ours win over commonLabels. Call with (list $ "component"). */}}
{{- define "nauthera.labelsOf" -}}
{{- $root := index . 0 -}}
{{- $ours := dict
  "app.kubernetes.io/name" "nauthera-operator"
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/component" (index . 1)
  "app.kubernetes.io/part-of" "nauthera"
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_"))
-}}
{{- toYaml (mergeOverwrite (deepCopy $root.Values.commonLabels) $ours) -}}
{{- end -}}

{{- define "nauthera.labels" -}}
{{- include "nauthera.labelsOf" (list . "operator") -}}
{{- end -}}

{{/* The key with its annotations, or nothing. Call with (list $ annotations); these win over commonAnnotations. */}}
{{- define "nauthera.annotations" -}}
{{- with mergeOverwrite (deepCopy (index . 0).Values.commonAnnotations) (deepCopy (index . 1)) -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "nauthera.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- $repository := .Values.image.repository -}}
{{- if $registry }}{{ $repository = printf "%s/%s" (trimSuffix "/" $registry) $repository }}{{ end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Names, separated by commas. */}}
{{- define "nauthera.pullSecretNames" -}}
{{- $names := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets -}}
{{- $names = append $names (kindIs "string" . | ternary . (get (kindIs "string" . | ternary dict .) "name")) -}}
{{- end -}}
{{- $names | uniq | join "," -}}
{{- end -}}

{{/* The namespaces to watch, separated by commas; empty: all. That of the default server is one of them. */}}
{{- define "nauthera.watchedNamespaces" -}}
{{- $names := .Values.watchNamespaces -}}
{{- if and $names .Values.authorizationServer.create -}}
{{- $names = append $names .Release.Namespace | uniq -}}
{{- end -}}
{{- $names | join "," -}}
{{- end -}}

{{/* The port of an address. */}}
{{- define "nauthera.portOf" -}}
{{- $url := urlParse . -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end -}}
