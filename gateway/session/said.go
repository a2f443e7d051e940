package session

import (
	"bytes"
	"sync"
)

// said keeps the last words of a browser that starts, to say why it did not. Later
// ones are thrown away: they may be of the page.
type said struct {
	mu      sync.Mutex // guards what follows
	words   []byte
	stopped bool
}

const maxSaid = 600

// Write takes words.
func (s *said) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.words = append(s.words, text...)
		s.words = s.words[max(0, len(s.words)-maxSaid):]
	}
	return len(text), nil
}

func (s *said) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words, s.stopped = nil, true
}

// last gives the words, for the end of an error.
func (s *said) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if words := bytes.TrimSpace(s.words); len(words) > 0 {
		return "; it said: " + string(words)
	}
	return ""
}
