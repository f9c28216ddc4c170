package public

import "net/http"

// page is for people: for now the health in the form that they read best.
func (s *Server) page(r *http.Request, rules *rules) answer {
	m := s.moments.of(s.o.Health.Snapshot(), s.o.Version)
	return answer{status: http.StatusOK, kind: htmlKind, body: m.answers[rules.expose][htmlKind].body}
}
