package public

// Break makes every place's listener fail, as nobody had asked for.
func (s *Server) Break() {
	for _, p := range s.places {
		_ = p.l.Close()
	}
}

// Ready says what /readyz would, leaving aside the service manager.
func (s *Server) Ready() bool { return s.ending.Load() == nil }
