package statuspage

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed page
var files embed.FS

// pageTemplate and assets are made ready for the first who looks: the daemon's start
// does not wait for them.
var pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.ParseFS(files, "page/*.html")) })

// asset is a file that the page refers to.
type asset struct {
	body []byte
	kind string
	path string // with its digest, so that a browser may keep it for ever
}

var assets = sync.OnceValue(loadAssets)

var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets() map[string]asset {
	all := map[string]asset{}
	entries, _ := fs.ReadDir(files, "page") // embedded: it is there
	for _, e := range entries {
		kind := assetKinds[path.Ext(e.Name())]
		if kind == "" {
			continue
		}
		body, _ := files.ReadFile("page/" + e.Name())
		sum := sha256.Sum256(body)
		all[e.Name()] = asset{body, kind, "page/" + hex.EncodeToString(sum[:6]) + "/" + e.Name()}
	}
	return all
}

// assetPath is relative: the page may be served below any path by a proxy.
func assetPath(name string) string { return assets()[name].path }

func (p *Page) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := assets()[path.Base(r.URL.Path)]
	if !ok || strings.TrimPrefix(r.URL.Path, "/") != a.path {
		notFound(w)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	reply(w, r, a.kind, a.body)
}
