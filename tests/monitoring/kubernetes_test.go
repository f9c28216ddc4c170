package monitoring_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/needs"
)

// probe is one of a container's, with the fields that the kubelet goes by; a
// field that is not there would be an error.
type probe struct {
	HTTPGet struct {
		Path string `yaml:"path"`
		Port string `yaml:"port"`
	} `yaml:"httpGet"`
	PeriodSeconds    int `yaml:"periodSeconds"`
	TimeoutSeconds   int `yaml:"timeoutSeconds"`
	FailureThreshold int `yaml:"failureThreshold"`
}

type container struct {
	Name, Image string
	Command     []string
	Ports       []struct {
		Name string
		Port int `yaml:"containerPort"`
	}
	Startup   probe `yaml:"startupProbe"`
	Liveness  probe `yaml:"livenessProbe"`
	Readiness probe `yaml:"readinessProbe"`
	Lifecycle struct {
		PreStop struct{ Exec struct{ Command []string } } `yaml:"preStop"`
	}
	Mounts []struct {
		Name string
		Path string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Data       map[string]string
	Spec       struct {
		Replicas int
		Selector struct {
			Labels map[string]string `yaml:"matchLabels"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Grace      int `yaml:"terminationGracePeriodSeconds"`
				Containers []container
				Volumes    []map[string]any
			}
		}
	}
}

// manifests are the page's, with the configuration and the container in them.
func manifests(t *testing.T, p *page) (config string, c container) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(p.file("web.yaml")))
	decoder.KnownFields(true)
	for {
		var m manifest
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			return config, c
		}
		if err != nil {
			t.Fatal(err)
		}
		switch m.APIVersion + " " + m.Kind {
		case "v1 ConfigMap":
			config = m.Data["pkgd.yaml"]
		case "apps/v1 Deployment":
			c = m.Spec.Template.Spec.Containers[0]
		default:
			t.Fatalf("an unknown manifest: %+v", m)
		}
	}
}

// kubelet probes a container as the kubelet does, but every 20 ms.
type kubelet struct {
	t    *testing.T
	h    *host
	c    container
	port map[string]string // name of a port → address
}

// succeeds is what the kubelet makes of one answer: it asks on a new connection,
// follows nobody to another host, and 200 to 399 is a success.
func (k kubelet) succeeds(p probe) bool {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Duration(p.TimeoutSeconds)*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.port[p.HTTPGet.Port]+p.HTTPGet.Path, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header = http.Header{"User-Agent": {"kube-probe/1.31"}, "Accept": {"*/*"}, "Connection": {"close"}}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 10<<10))
	return resp.StatusCode >= 200 && resp.StatusCode < 400
}

// fails tells whether a probe fails as often in a row as makes the kubelet act.
func (k kubelet) fails(p probe) bool {
	k.t.Helper()
	for range p.FailureThreshold {
		if k.succeeds(p) {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

// wants awaits that the pod is ready or is not, and that nobody would restart it
// meanwhile.
func (k kubelet) wants(ready bool, when string) {
	k.t.Helper()
	eventually(k.t, when, func() bool {
		if k.fails(k.c.Liveness) {
			k.t.Fatalf("%s: the container would be restarted", when)
		}
		return ready && k.succeeds(k.c.Readiness) || !ready && k.fails(k.c.Readiness)
	})
}

func TestKubeletStartsTakesOutAndDrainsAPodAndNeverRestartsIt(t *testing.T) {
	t.Parallel()
	needs.Program(t, "curl", "curl")
	p := readPage(t, "kubernetes")
	config, c := manifests(t, p)
	h := newHost(t, config)
	k := kubelet{t, h, c, map[string]string{}}
	for _, port := range c.Ports {
		if port.Port != 8092 {
			t.Errorf("port %+v is not where pkgd listens", port)
		}
		k.port[port.Name] = h.at["8092"]
	}
	for name, p := range map[string]probe{"startup": c.Startup, "liveness": c.Liveness, "readiness": c.Readiness} {
		if p.PeriodSeconds < 1 || p.TimeoutSeconds < 1 || p.FailureThreshold < 1 || k.port[p.HTTPGet.Port] == "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if k.fails(c.Startup) {
		t.Error("pkgd runs, and has not started")
	}
	k.wants(false, "the package is not there yet")
	h.has("web")
	const probes = `for probe in startupz livez readyz/packages/web; do curl -s -o /dev/null -w '%{http_code} ' http://127.0.0.1:8092/$probe; done`
	k.wants(true, "the package is active")
	p.shows(h, probes)
	h.says("web", broken)
	k.wants(false, "the package is broken")
	p.shows(h, probes)
	h.says("web", waiting)
	k.wants(false, "the package waits")
	h.says("web", well)
	k.wants(true, "the package works again")
	h.must(10, "refresh", h.tree("web", "2.0", "#!/bin/sh\nctl set-health --code=too-new error Broken\n"))
	k.wants(true, "a bad update was taken back")
	h.paths = []string{"; sleep 5", ""} // in which the endpoints of the service change
	stop := c.Lifecycle.PreStop.Exec.Command
	if code, out := h.sh(h.here(stop[len(stop)-1])); code != 0 {
		t.Fatalf("preStop: %d %s", code, out)
	}
	k.wants(false, "the pod drains")
	if err := os.Remove(filepath.Join(h.root, "run/pkgd/drain")); err != nil {
		t.Fatal(err)
	}
	k.wants(true, "drained no more")
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	if !k.fails(c.Readiness) || !k.fails(c.Liveness) {
		t.Error("pkgd has ended, and probes succeed")
	}
}
