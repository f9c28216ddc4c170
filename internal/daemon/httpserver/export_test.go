package httpserver

// Asks says for a test that a connection's request is being answered.
func Asks(s *Seat, yes bool) { s.asks(yes) }

// Left says whether a seat is free again.
func Left(s *Seat) bool { return s.left }

// Limits of time.
const (
	HeaderTimeout = headerTimeout
	BodyTimeout   = bodyTimeout
	AnswerTimeout = answerTimeout
	IdleTimeout   = idleTimeout
)
