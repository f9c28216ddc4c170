package public_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon/public"
)

// BenchmarkAnswers asks over kept TCP connections, beside a bare net/http handler
// that gives the same bytes.
func BenchmarkAnswers(b *testing.B) {
	var records []api.Record
	for i := range 100 {
		records = append(records, record(fmt.Sprintf("pkg%03d", i), "active"))
	}
	h := newHost(records...)
	s := public.New(h.options())
	if err := s.Open(tcp()); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx) }()
	defer func() { cancel(); <-ended }()
	address := s.Addresses()[0].String()
	for _, path := range []string{"/livez", "/health"} {
		bare := bareCopy(b, "http://"+address+path)
		b.Run(path[1:]+"/pkgd", func(b *testing.B) { load(b, "http://"+address+path) })
		b.Run(path[1:]+"/bare", func(b *testing.B) { load(b, bare) })
	}
}

// bareCopy serves what url gives, bytes and headers, by the least there is.
func bareCopy(b *testing.B, url string) string {
	resp, err := http.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	resp.Header.Del("Date")
	resp.Header.Del("Content-Length")
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		_, _ = w.Write(body)
	})}
	go srv.Serve(l)
	b.Cleanup(func() { srv.Close() })
	return "http://" + l.Addr().String()
}

func load(b *testing.B, url string) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer c.CloseIdleConnections()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := c.Get(url)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}
