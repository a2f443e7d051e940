package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const maxSkew = 60 // seconds between a signature's timestamp and the clock

// signatures are the values of the signature parameter that prove a request:
// version 2 for everything; for a publish by POST also the two older habits, of
// JavaScript (signed as a GET without body) and of Go v7 (form without version).
func signatures(secret, publishKey, subscribeKey string, q *request) []string {
	query := signedQuery(q.query)
	body := ""
	if q.method == http.MethodPost || q.method == http.MethodPatch {
		body = string(q.body)
	}
	two := func(method, body string) string {
		text := strings.Join([]string{method, publishKey, q.path, query, body}, "\n")
		return "v2." + strings.TrimRight(keyedHash(secret, text), "=")
	}
	all := []string{two(q.method, body)}
	if q.method == http.MethodPost && strings.HasPrefix(q.path, "/publish/") {
		one := strings.Join([]string{subscribeKey, publishKey, q.path, query}, "\n")
		all = append(all, two(http.MethodGet, ""), keyedHash(secret, one))
	}
	return all
}

func keyedHash(secret, text string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return base64.URLEncoding.EncodeToString(h.Sum(nil))
}

// signedQuery is every parameter but the signature, sorted, its decoded value
// encoded once and strictly.
func signedQuery(query map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(query)) {
		if key != "signature" {
			parts = append(parts, key+"="+encodeStrictly(query[key]))
		}
	}
	return strings.Join(parts, "&")
}

func encodeStrictly(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; unreserved(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// signatureHolds tells whether the request is signed with the secret key, now.
func (e *Emulator) signatureHolds(q *request) bool {
	stamp, err := strconv.ParseInt(q.query["timestamp"], 10, 64)
	skew := e.opts.Now().Unix() - stamp
	if err != nil || skew > maxSkew || skew < -maxSkew {
		return false
	}
	for _, want := range signatures(e.opts.SecretKey, e.opts.PublishKey, e.opts.SubscribeKey, q) {
		if hmac.Equal([]byte(want), []byte(q.query["signature"])) {
			return true
		}
	}
	return false
}
