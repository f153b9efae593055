package verify_test

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

const dockerfile = "container/Dockerfile"

// registry knows every image, and none has anything in it.
type registry struct{ asked []string }

func (r *registry) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	r.asked = append(r.asked, ref)
	image := ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}}
	config, err := json.Marshal(image)
	return ref, digest.FromBytes(config), config, err
}

// BuildKit's own front end reads the file, has no warning about it (those of
// `docker build --check`), and makes the image that is meant.
func TestImage(t *testing.T) {
	images := &registry{}
	platform := ocispecs.Platform{OS: "linux", Architecture: "arm64"}
	result, err := dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(read(t, dockerfile)), dockerfile2llb.ConvertOpt{
		MetaResolver: images, TargetPlatform: &platform,
		Warn: func(rule, description, _, message string, _ []parser.Range) {
			t.Errorf("%s: %s (%s)", rule, message, description)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	config := result.Image.Config
	if config.User != "65532:65532" || !slices.Equal(config.Entrypoint, []string{"/usr/local/bin/tokenwarden"}) {
		t.Errorf("the image runs %q as %q", config.Entrypoint, config.User)
	}
	for _, label := range []string{"title", "description", "source", "licenses"} {
		if config.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("the image has no label %s", label)
		}
	}
	if !slices.ContainsFunc(images.asked, func(ref string) bool { return strings.HasPrefix(ref, "gcr.io/distroless/static-debian") }) {
		t.Errorf("the image is made from %v", images.asked)
	}
}

// The line that builds the program does so, with the Go version of go.mod.
func TestBuildLine(t *testing.T) {
	text := read(t, dockerfile)
	goMod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(goMod))[1]
	if !strings.Contains(text, " golang:"+version+" ") {
		t.Errorf("the image is not built with Go %s, as go.mod says", version)
	}
	line := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 .*go build .*)$`).FindStringSubmatch(text)
	if line == nil {
		t.Fatal("no line builds the program")
	}
	binary := filepath.Join(t.TempDir(), "tokenwarden")
	cmd := exec.Command("/bin/sh", "-c", strings.Replace(line[1], "/out/tokenwarden", binary, 1))
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line[1], err, out)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	built := map[string]string{}
	for _, s := range info.Settings {
		built[s.Key] = s.Value
	}
	if built["CGO_ENABLED"] != "0" || built["-trimpath"] != "true" {
		t.Errorf("built with %v", built)
	}
	if out, err := exec.Command(binary, "version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "tokenwarden ") {
		t.Errorf("the program says %q: %v", out, err)
	}
}
