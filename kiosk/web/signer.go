package web

import (
	"slices"

	"clinicgate/kiosk/consent"

	"github.com/google/uuid"
)

// signing is who signs for a visitor, once that is said.
type signing struct {
	signer      Signer // empty: not asked, the patient
	interpreter bool   // one is there
	nobody      bool   // who may sign is not there: nothing is signed
}

// signers are who may sign and whom the page has a sentence for.
func signers(found Identified) (list []Signer) {
	for _, known := range []Signer{SignerSelf, SignerParent, SignerGuardian, SignerRepresentative, SignerProxy} {
		if slices.Contains(found.Signers, known) {
			list = append(list, known)
		}
	}
	return list
}

// mayBeOther reports whether somebody but the patient may sign, so that "I am here
// for somebody else" leads on.
func mayBeOther(found Identified) bool {
	return len(found.Forms) > 0 && slices.ContainsFunc(signers(found), func(s Signer) bool { return s != SignerSelf })
}

// mustAsk reports whether it is asked who signs before the forms: the clinic's
// rules want it, or others of the party were here before, so that it is not plain
// who stands at the screen.
func (x *session) mustAsk() bool {
	other := func(v visitor) bool { return v.found.Entry != x.found.Entry }
	return len(x.found.Forms) > 0 && len(signers(x.found)) > 0 && (x.found.AskSigner || slices.ContainsFunc(x.members, other))
}

// sign takes the answer of somebody who may sign.
func (x *session) sign(by Signer, interpreter bool) bool {
	if !slices.Contains(signers(x.found), by) || !x.step(evSign) {
		return false
	}
	x.signing = signing{signer: by, interpreter: interpreter}
	return true
}

// unsigned goes on without a signature: nobody who may sign is here.
func (s *Server) unsigned(x *session, request uuid.UUID) (work, bool) {
	if !x.step(evNobody) {
		return nil, false
	}
	x.signing = signing{nobody: true}
	return s.finish(x, request), true
}

// signed takes what the signer of the form in turn drew or typed. What is no signature
// changes nothing: the page offers to send it only when it is one.
func (s *Server) signed(x *session, a action) (work, bool) {
	var signature consent.Signature
	err := consent.ErrSignature
	switch x.state {
	case SignDrawn:
		signature, err = consent.Draw(a.Drawing)
	case SignTyped:
		signature, err = consent.Type(a.Name)
	}
	if err != nil {
		return nil, false
	}
	return s.decided(x, true, signature, evSigned, onward{evSignedMeasure, evSignedTry, evSignedLast}, a.Request)
}
