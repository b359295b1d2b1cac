{{/* What the operator does in a namespace whose resources it serves. */}}
{{- define "nauthera.namespaceRules" -}}
- apiGroups: [auth.nauthera.io]
  resources: [authorizationservers, clients, ldapbindings, scopes]
  verbs: [get, list, watch]
# The finalizer, by server-side apply. An LdapBinding has none.
- apiGroups: [auth.nauthera.io]
  resources: [authorizationservers, clients, scopes]
  verbs: [patch]
- apiGroups: [auth.nauthera.io]
  resources: [authorizationservers/status, clients/status, ldapbindings/status, scopes/status]
  verbs: [patch]
# For an owner reference with blockOwnerDeletion, where the API server checks that (OwnerReferencesPermissionEnforcement).
- apiGroups: [auth.nauthera.io]
  resources: [authorizationservers/finalizers, clients/finalizers]
  verbs: [update]
# Those of Clients, those that resources name, and the key-encryption key.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get{{ if .Values.watchSecrets }}, list, watch{{ end }}, create, update, delete]
# Authorities of directories' certificates and pictures are read; that of each server's own certificate is written.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
# What is made for each AuthorizationServer. Those that every server has are never removed: the cluster does that with their owner.
- apiGroups: [""]
  resources: [serviceaccounts, services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, watch, create, patch, delete]
# Why a pod does not run.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- define "nauthera.operatorSubject" -}}
- kind: ServiceAccount
  name: {{ include "nauthera.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
