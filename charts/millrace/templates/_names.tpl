{{- define "millrace.name" -}}
{{- if contains "millrace" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-millrace" (.Release.Name | trunc 41 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "millrace.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "millrace.name" .) .Values.serviceAccount.name }}{{ else }}{{ required "serviceAccount.name is needed when create is false" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "millrace.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- define "millrace.selector" -}}
app.kubernetes.io/name: millrace-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "millrace.labels" -}}
{{ include "millrace.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: millrace
{{- end }}

{{/* What the operator may do with the resources of the namespaces it looks after. */}}
{{- define "millrace.rules" -}}
- apiGroups: [millrace.dev]
  resources: [coordinatorensembles, kafkaclusters, brokerpools, kafkatopics]
  verbs: [get, list, watch]
# Finalizers of topics.
- apiGroups: [millrace.dev]
  resources: [kafkatopics]
  verbs: [patch]
- apiGroups: [millrace.dev]
  resources: [clusternodes]
  verbs: [get, list, watch, create, patch]
- apiGroups: [millrace.dev]
  resources: [coordinatorensembles/status, kafkaclusters/status, brokerpools/status, kafkatopics/status, clusternodes/status]
  verbs: [patch]
# Objects of the nodes name their resource as owner and block its foreground deletion.
- apiGroups: [millrace.dev]
  resources: [coordinatorensembles/finalizers, kafkaclusters/finalizers, brokerpools/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end }}
