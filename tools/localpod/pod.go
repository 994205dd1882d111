// Package localpod runs the collector of a rendered release on this machine as a node would run its pod: with the
// container's arguments, environment, files and volumes, other ports, and a stand-in of AWS in AWS's place.
package localpod

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// The access key that stands in for a Secret that exists in the cluster only. It is AWS's own documentation example, so
// that no scanner takes it for a leaked key.
const (
	StandInAccessKeyID     = "AKIAIOSFODNN7EXAMPLE"
	StandInSecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" //nolint:gosec // see above
)

// Pod is the collector's pod as a node would run it, with a folder in place of its file system.
type Pod struct {
	// Workload is Kind/name of its owner.
	Workload string
	// Labels are the pod's labels.
	Labels map[string]string
	// Ports are its container ports by name.
	Ports map[string]int
	// Configs are the --config sources in their order, parsed, with the paths of files mapped.
	Configs []Config
	// Args are the remaining arguments.
	Args []string
	// Env is the container's whole environment.
	Env map[string]string
	// ReadyAfter is how long after its start nobody is led to the pod.
	ReadyAfter time.Duration
	// StandIns tells, in sentences, what was put in place of what only the cluster has.
	StandIns []string

	dir string
}

// Config is one --config source of the collector.
type Config struct {
	// Source is how the argument named it, and the object that holds it when it is a file.
	Source string
	// Original is the text as the pod gets it.
	Original string
	// Tree is the parsed text, with the container's paths replaced by this machine's.
	Tree map[string]any
}

// podTemplate is what StatefulSets, Deployments and DaemonSets have in common.
type podTemplate struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Template             corev1.PodTemplateSpec         `json:"template"`
		VolumeClaimTemplates []corev1.PersistentVolumeClaim `json:"volumeClaimTemplates"`
	} `json:"spec"`
}

// New makes the pod of the one rendered workload that runs a collector. Its volumes are made in dir, which must be there and
// stay the caller's. Region is what a Secret's region key is taken to hold. The error is ErrNoCollector when the release
// runs none.
func New(objects []chart.Object, namespace, region, dir string) (*Pod, error) {
	workload, template, container, err := findCollector(objects)
	if err != nil {
		return nil, err
	}
	m := &maker{
		pod: &Pod{
			Workload: workload.Kind() + "/" + workload.Name(),
			Labels:   template.Spec.Template.Labels,
			Ports:    map[string]int{},
			Env:      map[string]string{},
			dir:      dir,
		},
		spec: template.Spec.Template.Spec, container: *container, namespace: namespace, region: region, dir: dir,
		configMaps: map[string]corev1.ConfigMap{}, secrets: map[string]corev1.Secret{}, replaced: map[string]string{}, origin: map[string]string{},
	}
	m.name = workload.Name()
	if workload.Kind() == "StatefulSet" {
		m.name += "-0"
	}
	m.meta = template.Spec.Template.ObjectMeta
	for _, claim := range template.Spec.VolumeClaimTemplates {
		m.claims = append(m.claims, claim.Name)
	}
	for _, object := range objects {
		switch object.Kind() {
		case "ConfigMap":
			var c corev1.ConfigMap
			if err := object.DecodeKnown(&c); err != nil {
				return nil, err
			}
			m.configMaps[c.Name] = c
		case "Secret":
			var s corev1.Secret
			if err := object.DecodeKnown(&s); err != nil {
				return nil, err
			}
			m.secrets[s.Name] = s
		}
	}
	for _, port := range container.Ports {
		m.pod.Ports[port.Name] = int(port.ContainerPort)
	}
	if probe := container.ReadinessProbe; probe != nil {
		m.pod.ReadyAfter = time.Duration(probe.InitialDelaySeconds) * time.Second
	}
	for _, step := range []func() error{m.environment, m.mount, m.arguments} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("%s: %w", m.pod.Workload, err)
		}
	}
	return m.pod, nil
}

// ErrNoCollector says that the release runs no collector, which is right for Fluent Bit alone.
var ErrNoCollector = errors.New("no rendered StatefulSet, Deployment or DaemonSet has a container with a --config argument")

func findCollector(objects []chart.Object) (chart.Object, *podTemplate, *corev1.Container, error) {
	var names []string
	var workload chart.Object
	var template *podTemplate
	var container *corev1.Container
	for _, object := range objects {
		if !slices.Contains([]string{"StatefulSet", "Deployment", "DaemonSet"}, object.Kind()) {
			continue
		}
		var t podTemplate
		if err := object.DecodeKnown(&t); err != nil {
			return nil, nil, nil, err
		}
		for i, c := range t.Spec.Template.Spec.Containers {
			if !slices.ContainsFunc(slices.Concat(c.Command, c.Args), func(arg string) bool { return strings.HasPrefix(arg, "--config") }) {
				continue
			}
			names = append(names, object.Kind()+"/"+object.Name())
			workload, template, container = object, &t, &t.Spec.Template.Spec.Containers[i]
		}
	}
	switch len(names) {
	case 0:
		return nil, nil, nil, ErrNoCollector
	case 1:
		return workload, template, container, nil
	default:
		return nil, nil, nil, fmt.Errorf("%d rendered containers have a --config argument (%s), so that the collector cannot be told: preview one release with one collector", len(names), strings.Join(names, ", "))
	}
}

// maker turns rendered objects into a pod.
type maker struct {
	pod               *Pod
	spec              corev1.PodSpec
	meta              metav1.ObjectMeta
	container         corev1.Container
	claims            []string
	name              string
	namespace, region string
	dir               string
	configMaps        map[string]corev1.ConfigMap
	secrets           map[string]corev1.Secret
	// replaced maps paths in the container to paths on this machine.
	replaced map[string]string
	// origin maps files on this machine to the object that they came from.
	origin map[string]string
}

func (m *maker) standIn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(m.pod.StandIns, text) {
		m.pod.StandIns = append(m.pod.StandIns, text)
	}
}

// secretValue is the value of a rendered Secret's key, or a stand-in where the Secret is only in the cluster. Purpose is
// the variable or file that gets it, by which AWS's credentials are known whatever their keys are called.
func (m *maker) secretValue(name, key, purpose string) (string, bool, error) {
	if secret, rendered := m.secrets[name]; rendered {
		if value, ok := secret.StringData[key]; ok {
			return value, true, nil
		}
		value, ok := secret.Data[key]
		return string(value), ok, nil
	}
	m.standIn("Secret %q is not part of the release: its keys have made-up values here.", name)
	switch strings.ToUpper(purpose) {
	case "AWS_ACCESS_KEY_ID":
		return StandInAccessKeyID, true, nil
	case "AWS_SECRET_ACCESS_KEY":
		return StandInSecretAccessKey, true, nil
	case "AWS_SESSION_TOKEN":
		return "preview-session-token", true, nil
	case "AWS_REGION", "AWS_DEFAULT_REGION":
		return m.region, true, nil
	case "CREDENTIALS":
		return fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", StandInAccessKeyID, StandInSecretAccessKey), true, nil
	}
	return "preview-" + strings.ToLower(key), true, nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// environment resolves env and envFrom as a kubelet does.
func (m *maker) environment() error {
	env := m.pod.Env
	// What the container runtime itself sets.
	env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	env["HOSTNAME"] = m.name
	env["HOME"] = m.dir
	for _, from := range m.container.EnvFrom {
		switch {
		case from.ConfigMapRef != nil:
			configMap, ok := m.configMaps[from.ConfigMapRef.Name]
			if !ok && !isTrue(from.ConfigMapRef.Optional) {
				return fmt.Errorf("envFrom: ConfigMap %q is not part of the release", from.ConfigMapRef.Name)
			}
			for key, value := range configMap.Data {
				env[from.Prefix+key] = value
			}
		case from.SecretRef != nil:
			secret, ok := m.secrets[from.SecretRef.Name]
			if !ok {
				if isTrue(from.SecretRef.Optional) {
					continue
				}
				for _, key := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
					value, _, err := m.secretValue(from.SecretRef.Name, key, key)
					if err != nil {
						return err
					}
					env[from.Prefix+key] = value
				}
			}
			for key, value := range secret.Data {
				env[from.Prefix+key] = string(value)
			}
			for key, value := range secret.StringData {
				env[from.Prefix+key] = value
			}
		}
	}
	for _, variable := range m.container.Env {
		if variable.ValueFrom == nil {
			env[variable.Name] = expandVariables(variable.Value, env)
			continue
		}
		value, ok, err := m.valueFrom(variable.Name, *variable.ValueFrom)
		if err != nil {
			return fmt.Errorf("env %s: %w", variable.Name, err)
		}
		if ok {
			env[variable.Name] = value
		}
	}
	return nil
}

// variableReference is Kubernetes' $(NAME); a doubled dollar sign escapes it.
var variableReference = regexp.MustCompile(`\$\$|\$\([A-Za-z_.-][A-Za-z0-9_.-]*\)`)

func expandVariables(text string, env map[string]string) string {
	return variableReference.ReplaceAllStringFunc(text, func(match string) string {
		if match == "$$" {
			return "$"
		}
		if value, ok := env[match[2:len(match)-1]]; ok {
			return value
		}
		return match
	})
}

func (m *maker) valueFrom(name string, from corev1.EnvVarSource) (value string, ok bool, err error) {
	switch {
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		if _, rendered := m.secrets[ref.Name]; !rendered && isTrue(ref.Optional) {
			return "", false, nil
		}
		value, ok, err := m.secretValue(ref.Name, ref.Key, name)
		if err == nil && !ok && !isTrue(ref.Optional) {
			err = fmt.Errorf("the release's Secret %q has no key %q", ref.Name, ref.Key)
		}
		return value, ok, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		value, ok := m.configMaps[ref.Name].Data[ref.Key]
		if !ok && !isTrue(ref.Optional) {
			return "", false, fmt.Errorf("ConfigMap %q of the release has no key %q", ref.Name, ref.Key)
		}
		return value, ok, nil
	case from.FieldRef != nil:
		value, err := m.field(from.FieldRef.FieldPath)
		return value, err == nil, err
	case from.ResourceFieldRef != nil:
		value, err := m.resource(*from.ResourceFieldRef)
		return value, err == nil, err
	}
	return "", false, errors.New("valueFrom is of a kind that the preview does not know")
}

func (m *maker) field(path string) (string, error) {
	switch path {
	case "metadata.name":
		return m.name, nil
	case "metadata.namespace":
		return m.namespace, nil
	case "metadata.uid":
		return "00000000-0000-0000-0000-000000000000", nil
	case "spec.nodeName":
		return "preview-node", nil
	case "spec.serviceAccountName":
		return m.spec.ServiceAccountName, nil
	case "status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs":
		return "127.0.0.1", nil
	}
	for prefix, from := range map[string]map[string]string{"metadata.labels": m.meta.Labels, "metadata.annotations": m.meta.Annotations} {
		if key, ok := strings.CutPrefix(path, prefix+"['"); ok {
			return from[strings.TrimSuffix(key, "']")], nil
		}
	}
	return "", fmt.Errorf("fieldRef %q is not known", path)
}

func (m *maker) resource(ref corev1.ResourceFieldSelector) (string, error) {
	kind, name, _ := strings.Cut(ref.Resource, ".")
	list := m.container.Resources.Limits
	if kind == "requests" {
		list = m.container.Resources.Requests
	}
	quantity, ok := list[corev1.ResourceName(name)]
	if !ok {
		return "", fmt.Errorf("resourceFieldRef %q: the container has no such resource, and what a node has is not known here", ref.Resource)
	}
	divisor := 1.0
	if !ref.Divisor.IsZero() {
		divisor = ref.Divisor.AsApproximateFloat64()
	}
	whole := quantity.AsApproximateFloat64() / divisor
	return strconv.FormatInt(int64(ceil(whole)), 10), nil
}

func ceil(value float64) float64 {
	if whole := float64(int64(value)); whole < value {
		return whole + 1
	}
	return value
}

// mount makes the pod's volumes and notes where the container sees them.
func (m *maker) mount() error {
	volumes := map[string]string{}
	for _, claim := range m.claims {
		volumes[claim] = filepath.Join(m.dir, "volumes", claim)
	}
	for _, volume := range m.spec.Volumes {
		volumes[volume.Name] = filepath.Join(m.dir, "volumes", volume.Name)
	}
	for _, path := range volumes {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	}
	for _, volume := range m.spec.Volumes {
		if err := m.fill(volume, volumes[volume.Name]); err != nil {
			return fmt.Errorf("volume %s: %w", volume.Name, err)
		}
	}
	for _, mount := range m.container.VolumeMounts {
		path, ok := volumes[mount.Name]
		if !ok {
			return fmt.Errorf("volumeMount %s: the pod has no such volume", mount.Name)
		}
		sub := mount.SubPath
		if mount.SubPathExpr != "" {
			sub = expandVariables(mount.SubPathExpr, m.pod.Env)
		}
		if sub != "" {
			path = filepath.Join(path, filepath.Clean("/"+sub))
			if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
				if err := os.MkdirAll(path, 0o755); err != nil {
					return err
				}
			}
		}
		m.replaced[filepath.Clean(mount.MountPath)] = path
	}
	for name, value := range m.pod.Env {
		if name != "PATH" && name != "HOME" {
			m.pod.Env[name] = m.mapPaths(value)
		}
	}
	return nil
}

// fill writes the files of a volume that has any.
func (m *maker) fill(volume corev1.Volume, dir string) error {
	switch source := volume.VolumeSource; {
	case source.ConfigMap != nil:
		return m.writeConfigMap(dir, source.ConfigMap.Name, source.ConfigMap.Items, isTrue(source.ConfigMap.Optional))
	case source.Secret != nil:
		return m.writeSecret(dir, source.Secret.SecretName, source.Secret.Items, isTrue(source.Secret.Optional))
	case source.Projected != nil:
		for _, part := range source.Projected.Sources {
			var err error
			switch {
			case part.ServiceAccountToken != nil:
				err = m.write(dir, part.ServiceAccountToken.Path, m.token(*part.ServiceAccountToken), "")
				m.standIn("The ServiceAccount token is a made-up one, for audience %q.", part.ServiceAccountToken.Audience)
			case part.ConfigMap != nil:
				err = m.writeConfigMap(dir, part.ConfigMap.Name, part.ConfigMap.Items, isTrue(part.ConfigMap.Optional))
			case part.Secret != nil:
				err = m.writeSecret(dir, part.Secret.Name, part.Secret.Items, isTrue(part.Secret.Optional))
			case part.DownwardAPI != nil:
				for _, item := range part.DownwardAPI.Items {
					if item.FieldRef == nil {
						continue
					}
					value, fieldErr := m.field(item.FieldRef.FieldPath)
					err = errors.Join(err, fieldErr, m.write(dir, item.Path, value, ""))
				}
			}
			if err != nil {
				return err
			}
		}
	case source.HostPath != nil:
		m.standIn("Volume %q is an empty folder here, not the node's %s.", volume.Name, source.HostPath.Path)
	}
	return nil // emptyDir, claims and others start empty
}

func (m *maker) writeConfigMap(dir, name string, items []corev1.KeyToPath, optional bool) error {
	configMap, ok := m.configMaps[name]
	if !ok {
		if optional {
			return nil
		}
		return fmt.Errorf("ConfigMap %q is not part of the release", name)
	}
	files := map[string]string{}
	for key, value := range configMap.Data {
		files[key] = value
	}
	for key, value := range configMap.BinaryData {
		files[key] = string(value)
	}
	return m.writeItems(dir, "ConfigMap/"+name, items, optional, func(key string) (string, bool, error) {
		value, ok := files[key]
		return value, ok, nil
	}, slices.Sorted(maps.Keys(files)))
}

func (m *maker) writeSecret(dir, name string, items []corev1.KeyToPath, optional bool) error {
	secret, ok := m.secrets[name]
	if !ok && optional {
		return nil
	}
	keys := append(slices.Sorted(maps.Keys(secret.Data)), slices.Sorted(maps.Keys(secret.StringData))...)
	if !ok && len(items) == 0 {
		keys = []string{"credentials"}
	}
	return m.writeItems(dir, "Secret/"+name, items, optional, func(key string) (string, bool, error) {
		return m.secretValue(name, key, key)
	}, keys)
}

func (m *maker) writeItems(dir, origin string, items []corev1.KeyToPath, optional bool, value func(string) (string, bool, error), keys []string) error {
	if len(items) == 0 {
		for _, key := range keys {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}
	for _, item := range items {
		text, ok, err := value(item.Key)
		if err != nil {
			return err
		}
		if !ok {
			if optional {
				continue
			}
			return fmt.Errorf("%s has no key %q", origin, item.Key)
		}
		if err := m.write(dir, item.Path, text, origin); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) write(dir, path, text, origin string) error {
	file := filepath.Join(dir, filepath.Clean("/"+path))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	m.origin[file] = origin
	return os.WriteFile(file, []byte(text), 0o600)
}

// token is a JSON Web Token of the form that Kubernetes issues, with an empty signature.
func (m *maker) token(projection corev1.ServiceAccountTokenProjection) string {
	seconds := int64(3600)
	if projection.ExpirationSeconds != nil {
		seconds = *projection.ExpirationSeconds
	}
	now := time.Now()
	account := cmp.Or(m.spec.ServiceAccountName, "default")
	part := func(value any) string {
		raw, _ := json.Marshal(value) // of plain values
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	return part(map[string]any{"alg": "RS256", "typ": "JWT"}) + "." + part(map[string]any{
		"aud": []string{projection.Audience}, "iss": "https://kubernetes.default.svc",
		"sub": "system:serviceaccount:" + m.namespace + ":" + account,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Unix() + seconds,
	}) + "." + base64.RawURLEncoding.EncodeToString([]byte("preview"))
}

// mapPaths replaces the container's paths by this machine's, the deeper ones first.
func (m *maker) mapPaths(text string) string {
	mounts := make([]string, 0, len(m.replaced))
	for path := range m.replaced {
		mounts = append(mounts, path)
	}
	sort.Slice(mounts, func(i, j int) bool { return len(mounts[i]) > len(mounts[j]) })
	for _, mount := range mounts {
		// A path begins where no other path or word goes on, and ends at a slash or likewise.
		pattern := regexp.MustCompile(`(^|[^A-Za-z0-9_./-])` + regexp.QuoteMeta(mount) + `(/|$|[^A-Za-z0-9_.-])`)
		text = pattern.ReplaceAllStringFunc(text, func(match string) string {
			return strings.Replace(match, mount, m.replaced[mount], 1)
		})
	}
	return text
}

// namesInAWS are the config keys whose values may look like paths and are none.
var namesInAWS = []string{"log_group_name", "log_stream_name", "namespace", "x-aws-log-group", "x-aws-log-stream", "aws_log_groups", "metric_name_selectors"}

func (m *maker) mapTree(value any) any {
	switch v := value.(type) {
	case string:
		return m.mapPaths(v)
	case map[string]any:
		for key, member := range v {
			if !slices.Contains(namesInAWS, key) {
				v[key] = m.mapTree(member)
			}
		}
	case []any:
		for i, member := range v {
			v[i] = m.mapTree(member)
		}
	}
	return value
}

// arguments reads the container's command line: the sources of the configuration, and the rest.
func (m *maker) arguments() error {
	args := slices.Clone(m.container.Args)
	if len(m.container.Command) > 1 {
		args = append(slices.Clone(m.container.Command[1:]), args...)
	}
	for i := 0; i < len(args); i++ {
		arg := expandVariables(args[i], m.pod.Env)
		name, value, has := strings.Cut(arg, "=")
		if name != "--config" {
			m.pod.Args = append(m.pod.Args, m.mapPaths(arg))
			continue
		}
		if !has {
			if i+1 == len(args) {
				return errors.New("argument --config has no value")
			}
			i++
			value = expandVariables(args[i], m.pod.Env)
		}
		c, err := m.readConfig(value)
		if err != nil {
			return fmt.Errorf("argument --config=%s: %w", value, err)
		}
		m.pod.Configs = append(m.pod.Configs, c)
	}
	return nil
}

func (m *maker) readConfig(source string) (Config, error) {
	c := Config{Source: source}
	scheme, rest, _ := strings.Cut(source, ":")
	switch {
	case scheme == "env":
		text, ok := m.pod.Env[rest]
		if !ok {
			return c, fmt.Errorf("the container has no environment variable %s", rest)
		}
		c.Original = text
		c.Source = "environment variable " + rest
	case scheme == "yaml":
		c.Original = rest
	case scheme == "http", scheme == "https":
		return c, errors.New("the preview fetches nothing from a network: use a file in a ConfigMap")
	default:
		path := m.mapPaths(strings.TrimPrefix(source, "file:"))
		raw, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return c, errors.New("no volume of the pod has this file")
		}
		if err != nil {
			return c, err
		}
		c.Original = string(raw)
		if origin := m.origin[path]; origin != "" {
			c.Source = origin + " " + filepath.Base(path)
		}
	}
	if err := yaml.Unmarshal([]byte(c.Original), &c.Tree); err != nil {
		return c, fmt.Errorf("not YAML: %w", err)
	}
	c.Tree, _ = m.mapTree(c.Tree).(map[string]any)
	return c, nil
}

// regionPattern is how a region is written in a collector's configuration and in environment variables.
var regionPattern = regexp.MustCompile(`(?m)(?:^|[\s{,])"?(?:region|AWS_REGION)"?:?\s+"?([a-z]{2}(?:-[a-z]+)+-[0-9]+)\b`)

// Region finds the AWS region in rendered objects; empty when it stands in a Secret of the cluster only.
func Region(objects []chart.Object) string {
	found := ""
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			if name, _ := v["name"].(string); name == "AWS_REGION" || name == "AWS_DEFAULT_REGION" {
				if region, ok := v["value"].(string); ok && found == "" {
					found = region
				}
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key])
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case string:
			if match := regionPattern.FindStringSubmatch(v); match != nil && found == "" {
				found = match[1]
			}
		}
	}
	for _, object := range objects {
		walk(map[string]any(object))
	}
	return found
}

// Credential is the access key that the pod's environment has, or is given when it relies on its surroundings.
func (p *Pod) Credential() awslocal.Credential {
	if p.Env["AWS_ACCESS_KEY_ID"] == "" && p.Env["AWS_WEB_IDENTITY_TOKEN_FILE"] == "" && p.Env["AWS_SHARED_CREDENTIALS_FILE"] == "" {
		p.StandIns = append(p.StandIns, "The pod has no credentials of its own (mode ambient): an access key stands in for what the node or a webhook would offer.")
		p.Env["AWS_ACCESS_KEY_ID"], p.Env["AWS_SECRET_ACCESS_KEY"] = StandInAccessKeyID, StandInSecretAccessKey
	}
	return awslocal.Credential{
		AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.Env["AWS_SECRET_ACCESS_KEY"], SessionToken: p.Env["AWS_SESSION_TOKEN"],
	}
}

// Secret is the value of a Secret's key among the objects, or a stand-in where the Secret is only in the cluster, which
// standIns then tell. Variable is the environment variable that gets it, by which AWS's credentials are known.
func Secret(objects []chart.Object, region, name, key, variable string) (value string, standIns []string, err error) {
	m := &maker{pod: &Pod{}, region: region, secrets: map[string]corev1.Secret{}}
	for _, object := range objects {
		if object.Kind() == "Secret" {
			var s corev1.Secret
			if err := object.DecodeKnown(&s); err != nil {
				return "", nil, err
			}
			m.secrets[s.Name] = s
		}
	}
	value, ok, err := m.secretValue(name, key, variable)
	if err == nil && !ok {
		err = fmt.Errorf("the release's Secret %q has no key %q", name, key)
	}
	return value, m.pod.StandIns, err
}
