package localstack

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/command"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
)

// server is one that others have written.
type server struct {
	// name is also that of its file of requirements.
	name string
	// health answers with 200 when it is ready.
	health string
	image  string
	port   int // in the image
	// env goes with both, packageEnv and arguments with the package, whose programs are in bin.
	env        []string
	packageEnv func(dir string, port int) []string
	arguments  func(bin string, port int) []string
}

// servers are LocalStack, of the last release that asks for no account, and moto.
var servers = []server{
	{
		name: "localstack", health: "/_localstack/health", image: "localstack/localstack:4.14.0", port: 4566,
		env: []string{"SERVICES=logs,cloudwatch,iam", "DISABLE_EVENTS=1", "SKIP_SSL_CERT_DOWNLOAD=1"},
		packageEnv: func(dir string, port int) []string {
			return []string{
				"DNS_ADDRESS=0", "LOCALSTACK_VOLUME_DIR=" + filepath.Join(dir, "volume"),
				// An index of plugins that a failed start has left in the user's own cache would be believed.
				"XDG_CACHE_HOME=" + filepath.Join(dir, "cache"),
				// It listens on all addresses, whatever IPv4 address is named here, but only on an IPv6 one.
				fmt.Sprintf("GATEWAY_LISTEN=[::ffff:127.0.0.1]:%d", port),
			}
		},
		arguments: func(bin string, _ int) []string {
			return []string{filepath.Join(bin, "python"), "-m", "localstack.runtime.main"}
		},
	},
	{
		name: "moto", health: "/moto-api/data.json", image: "motoserver/moto:5.1.22", port: 5000,
		packageEnv: func(string, int) []string { return nil },
		arguments: func(bin string, port int) []string {
			return []string{filepath.Join(bin, "moto_server"), "-H", "127.0.0.1", "-p", fmt.Sprint(port)}
		},
	},
}

func (s server) fromPackage(bin, dir string, port int) (env, command []string) {
	return append(s.packageEnv(dir, port), s.env...), s.arguments(bin, port)
}

// fromImage has docker run it for as long as the docker command runs.
func (s server) fromImage(port int) (env, command []string) {
	command = []string{"docker", "run", "--rm", "--publish", fmt.Sprintf("127.0.0.1:%d:%d", port, s.port)}
	for _, variable := range s.env {
		command = append(command, "--env", variable)
	}
	return nil, append(command, s.image)
}

// Install installs what Start starts, so that Start only starts it. With an empty cache it takes about two minutes. Without a
// Python for it, it does nothing: Start then has docker pull images.
func Install(ctx context.Context, log *progress.Log) error {
	if _, _, err := findPython(ctx); err != nil && ctx.Err() == nil {
		log.Line("%v", err)
		return nil
	}
	_, err := install(ctx, log)
	return err
}

// install returns the folders of the servers' programs; none where there is no Python for them, but docker has their images.
func install(ctx context.Context, log *progress.Log) (bins []string, err error) {
	if _, _, err := findPython(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		for _, s := range servers {
			if pullErr := pull(ctx, s.image, log); pullErr != nil {
				return nil, fmt.Errorf("%w; or let docker pull %s: %w", err, s.image, pullErr)
			}
		}
		return nil, nil
	}
	bins = make([]string, len(servers))
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range servers {
		group.Go(func() (err error) {
			bins[i], err = environment(ctx, s.name, log)
			return err
		})
	}
	return bins, group.Wait()
}

// pull has docker pull an image that it does not have.
func pull(ctx context.Context, image string, log *progress.Log) error {
	if _, err := command.Run(ctx, "docker", "image", "inspect", image); err == nil {
		return nil
	}
	return log.Step("Pulling "+image, func() error {
		_, err := command.Run(ctx, "docker", "pull", "--quiet", image)
		return err
	})
}
