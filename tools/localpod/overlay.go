package localpod

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Overlay is what has to change of a pod's configuration to run it on this machine beside other programs: only addresses.
type Overlay struct {
	// Health is the URL that answers when the collector is ready, Metrics that of its own metrics.
	Health, Metrics string
	// Routes lists the components on each signal's way, such as "otlp -> otlp_grpc/traces -> otlp/aws -> awsxray".
	Routes map[string]string
	// LeftOut are the exporters that send elsewhere than to AWS.
	LeftOut []string
	// Regions are the regions that the configuration names.
	Regions []string
	// Rewritten are the attributes to which the configuration's processors give another value.
	Rewritten map[string]bool
	// DetailedSummaries is whether awsemf writes a metric for each part of a summary (detailed_metrics).
	DetailedSummaries bool

	pod      *Pod
	endpoint string
	// tree is merged over the pod's own configuration by the collector itself.
	tree map[string]any
	// ports maps the ports that the pod's receivers listen on to free ones, which pool holds until the collector starts.
	ports map[int]int
	pool  portPool
}

// portPool hands out free ports of the loopback interface. They stay taken until release.
type portPool struct{ listeners []net.Listener }

// The ports to choose from. Below those that systems give to connections, or one of these could have the port while the
// collector is down for a restart.
const (
	firstPort = 10000
	lastPort  = 32000
)

// handedOut are the ports that this process has ever given to a collector: one that is released is about to be used.
var handedOut = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

func (p *portPool) take() (int, error) {
	handedOut.Lock()
	defer handedOut.Unlock()
	const attempts = 1000
	for range attempts {
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // no secret
		if handedOut.ports[port] {
			continue
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // taken
		}
		handedOut.ports[port] = true
		p.listeners = append(p.listeners, listener)
		return port, nil
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1: tried %d between %d and %d", attempts, firstPort, lastPort)
}

func (p *portPool) release() {
	for _, listener := range p.listeners {
		_ = listener.Close() // nothing was accepted
	}
	p.listeners = nil
}

// Merge merges configurations as the collector does: maps member by member, everything else is replaced.
func Merge(configs []Config) map[string]any {
	merged := map[string]any{}
	for _, c := range configs {
		mergeInto(merged, c.Tree)
	}
	return merged
}

func mergeInto(into, from map[string]any) {
	for key, value := range from {
		if object, ok := value.(map[string]any); ok {
			if have, ok := into[key].(map[string]any); ok {
				mergeInto(have, object)
				continue
			}
			have := map[string]any{}
			mergeInto(have, object)
			into[key] = have
			continue
		}
		into[key] = value
	}
}

// at returns the object at a path of keys, nil when there is none.
func at(tree map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		tree, _ = tree[key].(map[string]any)
	}
	return tree
}

// put sets a value at a path of keys, which it makes.
func put(tree map[string]any, value any, keys ...string) {
	for _, key := range keys[:len(keys)-1] {
		next, ok := tree[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[key] = next
		}
		tree = next
	}
	tree[keys[len(keys)-1]] = value
}

func stringList(value any) []string {
	list, _ := value.([]any)
	var out []string
	for _, item := range list {
		out = append(out, fmt.Sprint(item))
	}
	return out
}

// componentType is the part of a component's ID before the slash.
func componentType(id string) string {
	kind, _, _ := strings.Cut(id, "/")
	return kind
}

// environmentReference is the collector's ${NAME}, ${env:NAME} and ${env:NAME:-default}.
var environmentReference = regexp.MustCompile(`\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}`)

// ExpandEnvironment puts the values of environment variables in place of such references.
func ExpandEnvironment(text string, env map[string]string) string {
	return environmentReference.ReplaceAllStringFunc(text, func(match string) string {
		parts := environmentReference.FindStringSubmatch(match)
		if value, ok := env[parts[1]]; ok {
			return value
		}
		return parts[2]
	})
}

// Overlay finds free ports for the pod and puts endpoint, the URL of an AWS stand-in, in AWS's place.
func (p *Pod) Overlay(endpoint string) (*Overlay, error) {
	merged := Merge(p.Configs)
	o := &Overlay{
		Routes: map[string]string{}, Rewritten: map[string]bool{},
		pod: p, endpoint: endpoint, tree: map[string]any{}, ports: map[int]int{},
	}
	if len(at(merged, "service", "pipelines")) == 0 {
		return nil, fmt.Errorf("%s: the collector's configuration has no service.pipelines", p.Workload)
	}
	b := &overlayBuilder{Overlay: o, merged: merged, env: p.Env, endpoint: strings.TrimSuffix(endpoint, "/")}
	for _, step := range []func() error{b.receivers, b.processors, b.exporters, b.extensions, b.telemetry} {
		if err := step(); err != nil {
			o.pool.release()
			return nil, fmt.Errorf("%s: %w", p.Workload, err)
		}
	}
	b.trace()
	return o, nil
}

type overlayBuilder struct {
	*Overlay
	merged   map[string]any
	env      map[string]string
	endpoint string
}

// used lists the components of a kind ("receivers") that some pipeline names, sorted. The others are never started.
func (b *overlayBuilder) used(kind string) []string {
	seen := map[string]bool{}
	for _, pipeline := range at(b.merged, "service", "pipelines") {
		object, _ := pipeline.(map[string]any)
		for _, id := range stringList(object[kind]) {
			seen[id] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// listen replaces the address that stands at keys by a free one and remembers which port it had.
func (b *overlayBuilder) listen(byDefault string, keys ...string) (string, error) {
	object := at(b.merged, keys[:len(keys)-1]...)
	address := byDefault
	if text, ok := object[keys[len(keys)-1]].(string); ok {
		address = ExpandEnvironment(text, b.env)
	}
	port, err := portOf(address)
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(keys, "."), err)
	}
	free, err := b.pool.take()
	if err != nil {
		return "", err
	}
	b.ports[port] = free
	moved := "127.0.0.1:" + strconv.Itoa(free)
	put(b.tree, moved, keys...)
	return moved, nil
}

func portOf(address string) (int, error) {
	if _, after, ok := strings.Cut(address, "://"); ok {
		address = after
	}
	address, _, _ = strings.Cut(address, "/")
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return 0, fmt.Errorf("%q has no port", address)
	}
	port, err := strconv.Atoi(address[i+1:])
	if err != nil {
		return 0, fmt.Errorf("%q has no port number", address)
	}
	return port, nil
}

func (b *overlayBuilder) receivers() error {
	for _, id := range b.used("receivers") {
		switch componentType(id) {
		case "otlp":
			protocols := at(b.merged, "receivers", id, "protocols")
			for _, protocol := range slices.Sorted(maps.Keys(protocols)) {
				byDefault := map[string]string{"grpc": "localhost:4317", "http": "localhost:4318"}[protocol]
				if _, err := b.listen(byDefault, "receivers", id, "protocols", protocol, "endpoint"); err != nil {
					return err
				}
			}
		case "zipkin":
			if _, err := b.listen("localhost:9411", "receivers", id, "endpoint"); err != nil {
				return err
			}
		case "statsd":
			if _, err := b.listen("localhost:8125", "receivers", id, "endpoint"); err != nil {
				return err
			}
		case "awsxray":
			if _, err := b.listen("localhost:2000", "receivers", id, "endpoint"); err != nil {
				return err
			}
		case "jaeger":
			for _, protocol := range slices.Sorted(maps.Keys(at(b.merged, "receivers", id, "protocols"))) {
				byDefault := map[string]string{
					"grpc": "localhost:14250", "thrift_http": "localhost:14268", "thrift_binary": "localhost:6832", "thrift_compact": "localhost:6831",
				}[protocol]
				if _, err := b.listen(byDefault, "receivers", id, "protocols", protocol, "endpoint"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// processors notes which attributes get another value on the way. None of them needs an address.
func (b *overlayBuilder) processors() error {
	for _, id := range b.used("processors") {
		list := map[string]string{"resource": "attributes", "attributes": "actions"}[componentType(id)]
		actions, _ := at(b.merged, "processors", id)[list].([]any)
		for _, action := range actions {
			object, _ := action.(map[string]any)
			if key, ok := object["key"].(string); ok && object["action"] != "delete" {
				b.Rewritten[key] = true
			}
		}
	}
	return nil
}

var loopbackHosts = []string{"localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0"}

// moved is the new address of a receiver of this very collector; empty when address is none.
func (b *overlayBuilder) moved(address string) string {
	expanded := ExpandEnvironment(address, b.env)
	bare := expanded
	scheme := ""
	if before, after, ok := strings.Cut(bare, "://"); ok {
		scheme, bare = before+"://", after
	}
	host, port, err := net.SplitHostPort(strings.TrimSuffix(bare, "/"))
	if err != nil || !slices.Contains(loopbackHosts, host) {
		return ""
	}
	number, err := strconv.Atoi(port)
	if err != nil || b.ports[number] == 0 {
		return ""
	}
	return scheme + "127.0.0.1:" + strconv.Itoa(b.ports[number])
}

func (b *overlayBuilder) exporters() error {
	foreign := map[string]bool{}
	for _, id := range b.used("exporters") {
		own := at(b.merged, "exporters", id)
		if region, ok := own["region"].(string); ok && region != "" {
			b.addRegion(region)
		}
		switch componentType(id) {
		case "awsxray", "awsemf", "awscloudwatchlogs":
			put(b.tree, b.endpoint, "exporters", id, "endpoint")
			if detailed, _ := own["detailed_metrics"].(bool); detailed && componentType(id) == "awsemf" {
				b.DetailedSummaries = true
			}
		case "otlp_grpc", "otlp":
			endpoint, _ := own["endpoint"].(string)
			moved := b.moved(endpoint)
			if moved == "" {
				foreign[id] = true
				continue
			}
			put(b.tree, moved, "exporters", id, "endpoint")
		case "otlp_http", "otlphttp":
			if err := b.otlpHTTP(id, own, foreign); err != nil {
				return err
			}
		case "debug", "nop", "file":
		default:
			foreign[id] = true
		}
	}
	b.leaveOut(foreign)
	return nil
}

// otlpHTTP sends what is meant for AWS to the stand-in, by the signal's own endpoint key where the exporter has one.
func (b *overlayBuilder) otlpHTTP(id string, own map[string]any, foreign map[string]bool) error {
	authenticator, _ := at(own, "auth")["authenticator"].(string)
	signed := componentType(authenticator) == "sigv4auth"
	if signed {
		if region, ok := at(b.merged, "extensions", authenticator)["region"].(string); ok && region != "" {
			b.addRegion(region)
		}
	}
	for _, key := range []string{"endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint"} {
		address, ok := own[key].(string)
		if !ok || address == "" {
			continue
		}
		if moved := b.moved(address); moved != "" {
			put(b.tree, moved, "exporters", id, key)
			continue
		}
		target, err := url.Parse(ExpandEnvironment(address, b.env))
		if err != nil {
			return fmt.Errorf("exporters.%s.%s: %w", id, key, err)
		}
		if !signed && !strings.HasSuffix(target.Hostname(), ".amazonaws.com") && !strings.HasSuffix(target.Hostname(), ".amazonaws.com.cn") {
			foreign[id] = true
			continue
		}
		put(b.tree, b.endpoint+target.Path, "exporters", id, key)
	}
	return nil
}

func (b *overlayBuilder) addRegion(region string) {
	region = ExpandEnvironment(region, b.env)
	if region != "" && !slices.Contains(b.Regions, region) {
		b.Regions = append(b.Regions, region)
	}
}

// leaveOut takes exporters to other systems out of the pipelines: nothing of a preview may leave this machine.
func (b *overlayBuilder) leaveOut(foreign map[string]bool) {
	if len(foreign) == 0 {
		return
	}
	b.LeftOut = slices.Sorted(maps.Keys(foreign))
	for id, pipeline := range at(b.merged, "service", "pipelines") {
		object, _ := pipeline.(map[string]any)
		exporters := stringList(object["exporters"])
		kept := slices.DeleteFunc(slices.Clone(exporters), func(exporter string) bool { return foreign[exporter] })
		if len(kept) == len(exporters) {
			continue
		}
		if len(kept) == 0 {
			// A pipeline needs an exporter; this one swallows.
			kept = []string{"debug/preview"}
			put(b.tree, map[string]any{"verbosity": "basic"}, "exporters", "debug/preview")
		}
		put(b.tree, kept, "service", "pipelines", id, "exporters")
	}
}

func (b *overlayBuilder) extensions() error {
	ids := stringList(at(b.merged, "service")["extensions"])
	for _, id := range ids {
		byDefault, ok := map[string]string{
			"health_check": "localhost:13133", "pprof": "localhost:1777", "zpages": "localhost:55679", "awsproxy": "localhost:2000",
		}[componentType(id)]
		if !ok {
			continue
		}
		address, err := b.listen(byDefault, "extensions", id, "endpoint")
		if err != nil {
			return err
		}
		if componentType(id) == "awsproxy" {
			put(b.tree, b.endpoint, "extensions", id, "aws_endpoint")
		}
		if componentType(id) == "health_check" && b.Health == "" {
			path, _ := at(b.merged, "extensions", id)["path"].(string)
			b.Health = "http://" + address + "/" + strings.TrimPrefix(path, "/")
		}
	}
	if b.Health != "" {
		return nil
	}
	const own = "health_check/preview"
	address, err := b.listen("localhost:13133", "extensions", own, "endpoint")
	if err != nil {
		return err
	}
	put(b.tree, append(ids, own), "service", "extensions")
	b.Health = "http://" + address + "/"
	return nil
}

// telemetry moves the collector's own metrics, which tell what it refused and failed to send.
func (b *overlayBuilder) telemetry() error {
	free, err := b.pool.take()
	if err != nil {
		return err
	}
	put(b.tree, []any{map[string]any{"pull": map[string]any{"exporter": map[string]any{"prometheus": map[string]any{
		"host": "127.0.0.1", "port": free,
	}}}}}, "service", "telemetry", "metrics", "readers")
	put(b.tree, "normal", "service", "telemetry", "metrics", "level")
	b.Metrics = fmt.Sprintf("http://127.0.0.1:%d/metrics", free)
	return nil
}

// trace writes down the way of each signal, from the pipeline that Kyma's data enters to the exporters to AWS.
func (b *overlayBuilder) trace() {
	pipelines := at(b.merged, "service", "pipelines")
	loopback := func(receiver string) bool {
		for _, protocol := range at(b.merged, "receivers", receiver, "protocols") {
			object, _ := protocol.(map[string]any)
			if address, ok := object["endpoint"].(string); ok {
				host, _, err := net.SplitHostPort(ExpandEnvironment(address, map[string]string{}))
				if err == nil && slices.Contains(loopbackHosts[:4], host) {
					return true
				}
			}
		}
		return false
	}
	ways := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(pipelines)) {
		object, _ := pipelines[id].(map[string]any)
		signal := componentType(id)
		for _, receiver := range stringList(object["receivers"]) {
			if componentType(receiver) != "otlp" {
				continue
			}
			way := strings.Join([]string{receiver, strings.Join(stringList(object["exporters"]), " + ")}, " → ")
			if loopback(receiver) {
				ways[signal] = append(ways[signal], way)
			} else {
				ways[signal] = append([]string{way}, ways[signal]...)
			}
		}
	}
	for signal, list := range ways {
		b.Routes[signal] = strings.Join(list, " → ")
	}
}

// localEnvironment is the pod's environment with the AWS stand-in as the endpoint of every AWS service.
func localEnvironment(env map[string]string, endpoint string) []string {
	all := maps.Clone(env)
	for name := range all {
		if strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
			delete(all, name)
		}
	}
	all["AWS_ENDPOINT_URL"] = endpoint
	all["AWS_ENDPOINT_URL_STS"] = endpoint
	all["AWS_EC2_METADATA_DISABLED"] = "true"
	// Nothing may leave the machine, and the stand-in is not behind a proxy.
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		delete(all, name)
	}
	if dir := os.Getenv("TMPDIR"); dir != "" && all["TMPDIR"] == "" {
		all["TMPDIR"] = dir
	}
	list := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}
