// Package archive makes container images of files, without a container engine.
package archive

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// File is a file or a symbolic link in an image or a tar file. It belongs to root.
type File struct {
	// Path is where it is, such as "usr/local/bin/kube".
	Path string
	// Source is the file on this machine that it is a copy of.
	Source string
	// Content is what is in it, without a Source.
	Content string
	// Link makes it a link to this path.
	Link string
	// Mode are its permissions, 0755 when 0.
	Mode int64
}

// WriteLayer writes a tar file of files and the folders above them.
func WriteLayer(file string, files []File) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := WriteTar(out, files); err != nil {
		return err
	}
	return out.Close()
}

// WriteTar writes files, and the folders above them, as tar does.
func WriteTar(out io.Writer, files []File) error {
	w := tar.NewWriter(out)
	made := map[string]bool{}
	for _, f := range files {
		if err := writeFolders(w, path.Dir(f.Path), made); err != nil {
			return err
		}
		if err := writeFile(w, f); err != nil {
			return err
		}
	}
	return w.Close()
}

func writeFolders(w *tar.Writer, dir string, made map[string]bool) error {
	if dir == "." || made[dir] {
		return nil
	}
	if err := writeFolders(w, path.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	mode := int64(0o755)
	if dir == "tmp" {
		mode = 0o1777
	}
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: mode})
}

func writeFile(w *tar.Writer, f File) error {
	header := tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: f.Mode}
	if f.Mode == 0 {
		header.Mode = 0o755
	}
	if f.Link != "" {
		header.Typeflag, header.Linkname = tar.TypeSymlink, f.Link
		return w.WriteHeader(&header)
	}
	if f.Source == "" {
		header.Size = int64(len(f.Content))
		if err := w.WriteHeader(&header); err != nil {
			return err
		}
		_, err := io.WriteString(w, f.Content)
		return err
	}
	in, err := os.Open(f.Source)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	header.Size = info.Size()
	if err := w.WriteHeader(&header); err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return err
}

// NewImage returns an image for Linux of tar files, one a layer. arch is named as Go does.
func NewImage(arch string, config v1.Config, layers ...string) (v1.Image, error) {
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: arch, Config: config})
	if err != nil {
		return nil, err
	}
	for _, file := range layers {
		// Stored, not compressed: it stays on this disk.
		layer, err := tarball.LayerFromFile(file, tarball.WithCompressionLevel(gzip.NoCompression))
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, err
		}
	}
	return image, nil
}

// Write writes images as docker save does, with their tags as they are given: kind compares them as text.
func Write(file string, images map[string]v1.Image) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()

	// kind reads the tags of all images of an archive from this entry of old, if it comes first. From manifest.json
	// it takes those of one image, and then tries to pull the others.
	repositories := map[string]map[string]string{}
	tags := map[name.Reference]v1.Image{}
	for reference, image := range images {
		tag, err := name.NewTag(reference)
		if err != nil {
			return err
		}
		tags[tag] = image
		at := strings.LastIndex(reference, ":")
		if repositories[reference[:at]] == nil {
			repositories[reference[:at]] = map[string]string{}
		}
		repositories[reference[:at]][reference[at+1:]] = ""
	}
	content, err := json.Marshal(repositories)
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	if err := writeFile(w, File{Path: "repositories", Content: string(content), Mode: 0o644}); err != nil {
		return err
	}
	if err := w.Flush(); err != nil { // and no Close: the archive goes on
		return err
	}
	if err := tarball.MultiRefWrite(tags, out); err != nil {
		return err
	}
	return out.Close()
}
