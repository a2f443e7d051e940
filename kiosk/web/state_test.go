package web_test

import (
	"slices"
	"testing"

	"clinicgate/kiosk/web"
)

// TestTransitions fixes every cell: what is written here and nothing else.
func TestTransitions(t *testing.T) {
	want := map[web.Pair]web.State{
		{web.Attract, "start"}: web.Language, {web.Attract, "scan"}: web.Language,
		{web.Language, "scan"}: web.Language, {web.Language, "choose"}: web.Needing,
		{web.Needing, "need"}: web.Needing, {web.Needing, "tongues"}: web.Interpreting, {web.Needing, "scan"}: web.Needing, {web.Needing, "back"}: web.Language,
		{web.Needing, "ready"}: web.Identifying, {web.Needing, "ready-held"}: web.Checking,
		{web.Interpreting, "tongue"}: web.Needing, {web.Interpreting, "scan"}: web.Interpreting, {web.Interpreting, "back"}: web.Needing,
		{web.Identifying, "scan"}: web.Checking, {web.Identifying, "code"}: web.Checking, {web.Identifying, "back"}: web.Needing,
		{web.Identifying, "no-code"}: web.Born, {web.Turned, "no-code"}: web.Born,
		{web.Born, "born"}: web.Naming, {web.Born, "back"}: web.Identifying,
		{web.Naming, "named"}: web.Checking, {web.Naming, "back"}: web.Born,
		{web.WhichTime, "time"}: web.Checking, {web.WhichTime, "unknown"}: web.WhichPhone, {web.WhichTime, "back"}: web.Naming,
		{web.WhichPhone, "phone"}: web.Checking, {web.WhichPhone, "unknown"}: web.Checking, {web.WhichPhone, "back"}: web.Naming,
		{web.Born, "scan"}: web.Checking, {web.Naming, "scan"}: web.Checking, {web.WhichTime, "scan"}: web.Checking, {web.WhichPhone, "scan"}: web.Checking,
		{web.Checking, "ask-time"}: web.WhichTime, {web.Checking, "ask-phone"}: web.WhichPhone,
		{web.Checking, "numbered"}: web.Finished, {web.Turned, "number"}: web.Checking,
		{web.Checking, "found"}: web.Confirming, {web.Checking, "already"}: web.Known,
		{web.Checking, "refused"}: web.Turned, {web.Checking, "failed"}: web.Turned,
		{web.Consent, "decide"}: web.Consent, {web.Consent, "decide-last"}: web.Finishing,
		{web.Confirming, "confirm"}: web.Consent, {web.Confirming, "confirm-end"}: web.Finishing,
		{web.Consent, "decide-try"}: web.Trying, {web.Confirming, "confirm-try"}: web.Trying, {web.Trying, "tried"}: web.Finishing,
		{web.Consent, "decide-measure"}: web.Measure, {web.SignDrawn, "signed-measure"}: web.Measure, {web.SignTyped, "signed-measure"}: web.Measure, {web.Confirming, "confirm-measure"}: web.Measure,
		{web.Measure, "measured"}: web.Finishing, {web.Measure, "measured-try"}: web.Trying, {web.Measure, "second"}: web.Together, {web.Together, "resume-measure"}: web.Measure,
		{web.Consent, "decide-draw"}: web.SignDrawn, {web.Consent, "decide-type"}: web.SignTyped, {web.SignDrawn, "type"}: web.SignTyped,
		{web.SignDrawn, "signed"}: web.Consent, {web.SignDrawn, "signed-last"}: web.Finishing, {web.SignDrawn, "signed-try"}: web.Trying, {web.SignDrawn, "back"}: web.Consent,
		{web.SignTyped, "signed"}: web.Consent, {web.SignTyped, "signed-last"}: web.Finishing, {web.SignTyped, "signed-try"}: web.Trying, {web.SignTyped, "back"}: web.Consent,
		{web.SignDrawn, "second"}: web.Together, {web.SignTyped, "second"}: web.Together,
		{web.Together, "resume-drawn"}: web.SignDrawn, {web.Together, "resume-typed"}: web.SignTyped,
		{web.Confirming, "confirm-ask"}: web.Signing, {web.Confirming, "other"}: web.Signing,
		{web.Signing, "sign"}: web.Consent, {web.Signing, "nobody"}: web.Finishing, {web.Signing, "back"}: web.Confirming,
		{web.Confirming, "second"}: web.Together, {web.Signing, "second"}: web.Together, {web.Consent, "second"}: web.Together,
		{web.Finished, "second"}: web.Together, {web.Known, "second"}: web.Together, {web.Turned, "second"}: web.Together,
		{web.Together, "resume-confirm"}: web.Confirming, {web.Together, "resume-sign"}: web.Signing, {web.Together, "resume-consent"}: web.Consent, {web.Together, "resume-try"}: web.Trying, {web.Trying, "second"}: web.Together,
		{web.Together, "next-person"}: web.Checking, {web.Together, "apart"}: web.Language,
		{web.Finished, "next-person"}: web.Checking, {web.Known, "next-person"}: web.Checking, {web.Turned, "next-person"}: web.Checking,
		{web.Finished, "another"}: web.Identifying, {web.Known, "another"}: web.Identifying,
		{web.Finishing, "done"}: web.Finished, {web.Finishing, "failed"}: web.Turned,
		{web.Known, "depart"}: web.Moving, {web.Known, "return"}: web.Moving,
		{web.Moving, "found"}: web.Confirming, {web.Moving, "already"}: web.Known,
		{web.Moving, "refused"}: web.Turned, {web.Moving, "failed"}: web.Turned,
		{web.Finished, "next-scan"}: web.Language, {web.Known, "next-scan"}: web.Language,
		{web.Needing, "tap"}: web.Born, {web.Identifying, "tap"}: web.Born, {web.Born, "tap"}: web.Born, {web.Naming, "tap"}: web.Born, {web.WhichTime, "tap"}: web.Born, {web.WhichPhone, "tap"}: web.Born,
		{web.Turned, "tap"}: web.Born, {web.Finished, "tap"}: web.Born, {web.Known, "tap"}: web.Born, {web.Together, "tap"}: web.Born, {web.Born, "carded"}: web.Checking,
		{web.Turned, "again"}: web.Identifying, {web.Turned, "scan"}: web.Checking, {web.Turned, "next-scan"}: web.Language,
	}
	for _, s := range []web.State{web.Language, web.Needing, web.Interpreting, web.Identifying, web.Born, web.Naming, web.WhichTime, web.WhichPhone, web.Consent, web.SignDrawn, web.SignTyped, web.Confirming, web.Signing, web.Measure, web.Trying, web.Finished, web.Known, web.Turned, web.Together} {
		want[web.Pair{From: s, Event: "leave"}] = web.Attract
		want[web.Pair{From: s, Event: "idle"}] = web.Attract
	}
	got := web.Transitions()
	for cell, to := range want {
		if got[cell] != to {
			t.Errorf("%s in %s leads to %q, want %q", cell.Event, cell.From, got[cell], to)
		}
	}
	for cell, to := range got {
		if want[cell] == "" {
			t.Errorf("%s in %s leads to %s, which is not written down", cell.Event, cell.From, to)
		}
	}
}

// TestEveryStateIsReached finds a way from the start to each state, and from
// each state back, so that no screen is a dead end.
func TestEveryStateIsReached(t *testing.T) {
	reach := func(from web.State) []web.State {
		seen := []web.State{from}
		for i := 0; i < len(seen); i++ {
			for cell, to := range web.Transitions() {
				if cell.From == seen[i] && !slices.Contains(seen, to) {
					seen = append(seen, to)
				}
			}
		}
		return seen
	}
	for _, s := range web.States() {
		if !slices.Contains(reach(web.Attract), s) {
			t.Errorf("%s cannot be reached", s)
		}
		if !slices.Contains(reach(s), web.Attract) {
			t.Errorf("%s is a dead end", s)
		}
	}
}

// TestOnlyTheAnswerEndsABusyState keeps time-outs and touches out of a commit.
func TestOnlyTheAnswerEndsABusyState(t *testing.T) {
	answers := []string{"ask-time", "ask-phone", "found", "numbered", "already", "refused", "failed", "done"}
	for cell := range web.Transitions() {
		if slices.Contains([]web.State{web.Checking, web.Finishing, web.Moving}, cell.From) && !slices.Contains(answers, cell.Event) {
			t.Errorf("%s ends %s", cell.Event, cell.From)
		}
	}
}
