package emulator

import (
	"encoding/json"
	"errors"
	"net/http"
)

// grantBody is what a grant request carries. Users and spaces are older names
// that are accepted and mean nothing.
type grantBody struct {
	TTL         int `json:"ttl"`
	Permissions struct {
		Resources grantMasks     `json:"resources"`
		Patterns  grantMasks     `json:"patterns"`
		Meta      map[string]any `json:"meta"`
		UUID      string         `json:"uuid"`
	} `json:"permissions"`
}

type grantMasks struct {
	Channels Masks `json:"channels"`
	Groups   Masks `json:"groups"`
	UUIDs    Masks `json:"uuids"`
}

func (e *Emulator) grant(q *request) reply {
	var body grantBody
	if err := json.Unmarshal(q.body, &body); err != nil {
		return refuseGrant("Invalid body", "permissions")
	}
	p := body.Permissions
	text, err := e.MintToken(Grant{
		TTL: body.TTL, UUID: p.UUID, Meta: p.Meta,
		Channels: p.Resources.Channels, Groups: p.Resources.Groups, UUIDs: p.Resources.UUIDs,
		ChannelPatterns: p.Patterns.Channels, GroupPatterns: p.Patterns.Groups, UUIDPatterns: p.Patterns.UUIDs,
	})
	if wrong, ok := errors.AsType[*grantError](err); ok {
		return refuseGrant(wrong.message, wrong.location)
	}
	return answer(http.StatusOK, fields{
		"status": http.StatusOK, "service": "Access Manager",
		"data": fields{"message": "Success", "token": text},
	})
}

func refuseGrant(message, location string) reply {
	return answer(http.StatusBadRequest, fields{
		"status": http.StatusBadRequest, "service": "Access Manager",
		"error": fields{"message": message, "source": "grant", "details": []fields{
			{"message": message, "location": location, "locationType": "body"},
		}},
	})
}

func (e *Emulator) revoke(q *request) reply {
	text := unescape(q.args["token"])
	if _, err := e.token(text); err != nil {
		return refuseGrant(tokenInvalid, "token")
	}
	e.Revoke(text)
	return answer(http.StatusOK, fields{
		"status": http.StatusOK, "service": "Access Manager", "data": fields{"message": "Success"},
	})
}
