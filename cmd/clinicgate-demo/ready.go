package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// ready is what the ready file holds: all that a program needs to use the demo
// without reading its output.
type ready struct {
	Kiosk        string      `json:"kiosk"` // fetches a fresh launch token and redirects to the page
	Board        string      `json:"board"`
	Desk         string      `json:"desk"` // the action "desk" gives a pairing code and a PIN
	Panel        string      `json:"panel"`
	ActionHeader string      `json:"actionHeader"` // send it as X-Demo-Action with each POST to the panel
	PubNub       readyPubNub `json:"pubnub"`
	MQTT         string      `json:"mqtt"`
	Organization string      `json:"organization"`
	Departments  []string    `json:"departments"`
	KioskID      string      `json:"kioskId"`
	Scanner      string      `json:"scanner"` // write a code's scan bytes here; empty where there is no pseudo-terminal
	Codes        []code      `json:"codes"`   // unused ones
	GatewayPid   int         `json:"gatewayPid"`
	DataDir      string      `json:"dataDir"`
	ControlPath  string      `json:"controlPath"`
	Config       string      `json:"config"`
	KioskKey     string      `json:"kioskKey"` // base64 of the public key that the kiosk signs with
}

type readyPubNub struct {
	Origin        string          `json:"origin"`
	PublishKey    string          `json:"publishKey"`
	SubscribeKey  string          `json:"subscribeKey"`
	CipherKey     string          `json:"cipherKey"`
	AccessManager bool            `json:"accessManager"`
	Providers     []readyProvider `json:"providers"`
}

type readyProvider struct {
	ID         string `json:"id"`
	Department string `json:"department"`
	Token      string `json:"token"`
}

// code lets one fictional patient check in.
type code struct {
	Scan  string `json:"scan"`  // the bytes that the scanner sends, terminator included
	Typed string `json:"typed"` // what is typed instead
	who   appointment
}

// readyFile is the ready file; an empty path is none.
type readyFile struct {
	path string
	mu   sync.Mutex
	last string
}

// write replaces the file when something changed: a reader sees the old content
// or the new one.
func (f *readyFile) write(r ready) error {
	if f.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if string(text) == f.last {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.path), ".ready-*")
	if err != nil {
		return fmt.Errorf("cannot write ready file: %w", err)
	}
	_, err = tmp.Write(append(text, '\n'))
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(tmp.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("cannot write ready file: %w", err)
	}
	f.last = string(text)
	return nil
}
