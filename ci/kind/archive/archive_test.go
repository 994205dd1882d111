package archive

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnImageHoldsItsFilesAndTheFoldersAboveThem(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(source, []byte("a program"), 0o600))
	layer := filepath.Join(dir, "layer.tar")
	require.NoError(t, WriteLayer(layer, []File{
		{Path: "usr/local/bin/program", Source: source},
		{Path: "usr/local/bin/other", Link: "program"},
		{Path: "etc/config", Content: "text", Mode: 0o644},
	}))
	image, err := NewImage("amd64", v1.Config{User: "4317"}, layer)
	require.NoError(t, err)
	file := filepath.Join(dir, "image.tar")
	require.NoError(t, Write(file, map[string]v1.Image{"docker.io/library/one:v1": image}))

	read, err := tarball.ImageFromPath(file, nil)
	require.NoError(t, err)
	config, err := read.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "linux/amd64 4317", config.OS+"/"+config.Architecture+" "+config.Config.User)
	layers, err := read.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	content, err := layers[0].Uncompressed()
	require.NoError(t, err)
	defer content.Close()

	got := map[string]string{}
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		got[header.Name] = header.FileInfo().Mode().String() + " " + header.Linkname + string(body)
	}
	assert.Equal(t, map[string]string{
		"usr/": "drwxr-xr-x ", "usr/local/": "drwxr-xr-x ", "usr/local/bin/": "drwxr-xr-x ", "etc/": "drwxr-xr-x ",
		"usr/local/bin/program": "-rwxr-xr-x a program", "usr/local/bin/other": "Lrwxr-xr-x program", "etc/config": "-rw-r--r-- text",
	}, got)
}

// What kind finds no tag of, it pulls; it reads the first of these two entries only.
func TestTheFirstEntryNamesTheTagsOfAllImages(t *testing.T) {
	dir := t.TempDir()
	images := map[string]v1.Image{}
	for _, reference := range []string{"docker.io/kindest/kindnetd:v1", "registry.k8s.io/pause:3.10"} {
		layer := filepath.Join(dir, filepath.Base(reference))
		require.NoError(t, WriteLayer(layer, []File{{Path: "file", Content: reference}}))
		image, err := NewImage("amd64", v1.Config{}, layer)
		require.NoError(t, err)
		images[reference] = image
	}
	file := filepath.Join(dir, "images.tar")
	require.NoError(t, Write(file, images))

	in, err := os.Open(file)
	require.NoError(t, err)
	defer in.Close()
	r := tar.NewReader(in)
	header, err := r.Next()
	require.NoError(t, err)
	assert.Equal(t, "repositories", header.Name)
	var tags map[string]map[string]string
	require.NoError(t, json.NewDecoder(r).Decode(&tags))
	assert.Equal(t, map[string]map[string]string{"docker.io/kindest/kindnetd": {"v1": ""}, "registry.k8s.io/pause": {"3.10": ""}}, tags)

	// And the whole of it is still an archive, with the references as they were given.
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(file) })
	require.NoError(t, err)
	var references []string
	for _, descriptor := range manifest {
		references = append(references, descriptor.RepoTags...)
	}
	assert.ElementsMatch(t, []string{"docker.io/kindest/kindnetd:v1", "registry.k8s.io/pause:3.10"}, references)
}
