package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"clinicgate/kiosk/web"
)

type boardJSON struct {
	Called    []struct{ Ticket, Room string }
	Next      []string
	Waits     []struct{ Department string }
	Providers []struct{ Name, Room, Status string }
}

func TestBoard(t *testing.T) {
	t.Parallel()
	room := newRoom()
	s := start(t, web.Config{BoardListen: "127.0.0.1:0"}, web.Deps{Board: room})
	usual := room.view
	for _, addr := range []string{s.Addr(), s.BoardAddr()} {
		room.change(func(v *web.BoardView) { *v = usual })
		stream := openEvents(t, addr, "/board/events", nil) // no cookie
		var b boardJSON
		if err := json.Unmarshal([]byte(stream.until(t, "board", nil)), &b); err != nil {
			t.Fatal(err)
		}
		if len(b.Called) != 2 || b.Called[0].Ticket != "A-014" || b.Called[0].Room != "Room 3" || b.Next[0] != "A-015" || b.Providers[1].Status != "available" {
			t.Errorf("board %+v", b)
		}
		stream.until(t, "beat", nil)
		room.change(func(v *web.BoardView) {
			v.Called = append([]web.Called{{Ticket: web.Ticket{Letter: 'C', Number: 7}, Room: "Room 5"}}, v.Called...)
		})
		for beats := 0; ; {
			name, data := stream.next()
			if name == "board" {
				if !strings.Contains(data, `"C-007","room":"Room 5"`) {
					t.Errorf("after a call: %s", data)
				}
				break
			}
			if beats++; beats > 8 || name == "" {
				t.Fatal("a call does not reach the board before its regular refresh")
			}
		}
		_ = stream.body.Close()
	}
}

// TestBoardShowsNoName: free text that reached a room, a provider or a
// department does not reach a display.
func TestBoardShowsNoName(t *testing.T) {
	t.Parallel()
	const planted = "Maria Quarles"
	room := newRoom()
	room.view = web.BoardView{
		Called: []web.Called{
			{Ticket: web.Ticket{Letter: 'A', Number: 1}, Room: planted}, {Ticket: web.Ticket{Letter: 'A', Number: 2}, Room: "Room 3 for " + planted},
			{Ticket: web.Ticket{Letter: 'A', Number: 3}, Room: "12B"}, {Ticket: web.Ticket{Letter: 'A', Number: 4}, Room: "<b>1</b>"},
		},
		Waits:     []web.Wait{{Department: planted, Low: 5, High: 10}},
		Providers: []web.Provider{{Name: planted, Status: web.ProviderAvailable}, {Name: "Dr. Lin Wei", Room: planted, Status: web.ProviderStatus(planted)}},
	}
	s := start(t, web.Config{}, web.Deps{Board: room})
	data := openEvents(t, s.Addr(), "/board/events", nil).until(t, "board", nil)
	if strings.Contains(data, "Quarles") || strings.Contains(data, "<b>") {
		t.Errorf("the board shows a name: %s", data)
	}
	var b boardJSON
	if err := json.Unmarshal([]byte(data), &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Called) != 4 || b.Called[0].Room != "" || b.Called[2].Room != "12B" || len(b.Providers) != 1 || b.Providers[0].Status != "offline" {
		t.Errorf("board %+v", b)
	}
}

// TestBoardListener: only the board, no cookie, numbers or configured names as
// Host.
func TestBoardDepartments(t *testing.T) {
	t.Parallel()
	room := newRoom()
	s := start(t, web.Config{Departments: web.Departments{All: []string{"cardiology", "imaging"}, Usual: []string{"imaging"}}}, web.Deps{Board: room})
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", []string{"imaging"}}, {"?department=cardiology", []string{"cardiology"}}, {"?department=cardiology&department=imaging", []string{"cardiology", "imaging"}},
		{"?department=nowhere", nil}, {"?department=", nil}, {"?clinic=1", nil}, {"?department=cardiology&x=1", nil}, {"?%zz", nil}, {"?" + strings.Repeat("department=imaging&", 21), nil},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "http://"+s.Addr()+"/board", nil)
		r.URL.RawQuery = strings.TrimPrefix(c.query, "?")
		s.BoardHandler().ServeHTTP(w, r)
		if found := w.Code == http.StatusOK; found != (c.want != nil) {
			t.Errorf("/board%s: %d", c.query, w.Code)
		}
		if c.want == nil {
			continue
		}
		_ = openEvents(t, s.Addr(), "/board/events"+c.query, nil).until(t, "board", nil)
		room.mu.Lock()
		if !slices.Equal(room.asked, c.want) {
			t.Errorf("%s shows %q, want %q", c.query, room.asked, c.want)
		}
		room.mu.Unlock()
	}
}

func TestBoardListener(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Config{BoardHosts: []string{"board.clinic.example"}}, web.Deps{})
	for _, tt := range []struct {
		path, host string
		want       int
	}{
		{"/board", "192.0.2.7:8471", 200}, {"/board", "[2001:db8::7]:8471", 200}, {"/board", "localhost:8471", 200},
		{"/board", "board.clinic.example:8471", 200}, {"/board", "board.clinic.example", 200}, {"/board", "192.0.2.7", 200},
		{"/board", "evil.example:8471", 421}, {"/board", "192.0.2.7.evil.example", 421}, {"/board", "", 421},
		{"/assets/board.js", "192.0.2.7:8471", 200}, {"/words/en.json", "192.0.2.7:8471", 200}, {"/board/alive", "192.0.2.7:8471", 204},
		{"/", "192.0.2.7:8471", 404}, {"/launch", "192.0.2.7:8471", 404}, {"/act", "192.0.2.7:8471", 404},
		{"/events", "192.0.2.7:8471", 404}, {"/alive", "192.0.2.7:8471", 404},
	} {
		r := httptest.NewRequest("GET", "http://x"+tt.path, nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		s.BoardHandler().ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s at %q: %d, want %d", tt.path, tt.host, w.Code, tt.want)
		}
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("%s sets a cookie", tt.path)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "http://x/board", nil)
	r.Host = "192.0.2.7"
	s.BoardHandler().ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /board: %d", w.Code)
	}
}

func TestTicket(t *testing.T) {
	for _, s := range []string{"A-001", "Z-999", "B-1000", "C-65535"} {
		if got, err := web.ParseTicket(s); err != nil || got.String() != s {
			t.Errorf("ParseTicket(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "A-1", "a-001", "AA-001", "A001", "A-0001 ", "A-65536", "A-99999999", "Ä-001", "A-01x", "Maria"} {
		if got, err := web.ParseTicket(s); err == nil {
			t.Errorf("ParseTicket(%q) = %v, want an error", s, got)
		}
	}
}
