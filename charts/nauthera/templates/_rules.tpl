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
# Certificates of directories' authorities.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- define "nauthera.operatorSubject" -}}
- kind: ServiceAccount
  name: {{ include "nauthera.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
