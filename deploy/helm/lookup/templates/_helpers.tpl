{{- define "lookup.name" -}}
{{- if contains "lookup" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-lookup" (.Release.Name | trunc 43 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "lookup.selector" -}}
app.kubernetes.io/name: lookup
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lookup.labels" -}}
{{ include "lookup.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "lookup.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "lookup.name" .) }}{{ else }}{{ required "serviceAccount.name is missing, since serviceAccount.create is false" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "lookup.image" -}}
{{ required "image.repository is missing: build the image and name where it is" .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "lookup.podSecurity" -}}
runAsNonRoot: true
# APP_UID of the .NET images. The group makes secrets (0440) readable and volumes writable.
runAsUser: 1654
runAsGroup: 1654
fsGroup: 1654
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "lookup.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "lookup.storeEnv" -}}
- name: LOOKUP_REDIS
  valueFrom: {secretKeyRef: {name: {{ .Values.store.secret }}, key: redis}}
# The service writes only receipts, so the diagnostics port, which needs a writable folder, is off.
- name: DOTNET_EnableDiagnostics
  value: "0"
{{- end }}

{{- define "lookup.storeArgs" -}}
- --redis=env
- --key-file=/etc/lookup/store/number.key
- --wait-replicas={{ .Values.store.waitReplicas }}
{{- end }}

{{- define "lookup.storeVolume" -}}
- name: store
  secret: {secretName: {{ .Values.store.secret }}, defaultMode: 288, items: [{key: number.key, path: number.key}]}
{{- end }}
