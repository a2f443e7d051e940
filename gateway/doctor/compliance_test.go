package doctor_test

import (
	"testing"
	"time"

	"clinicgate/gateway/doctor"
	"clinicgate/storage/keyring"
)

// A kiosk that has everything passes, and each thing taken away fails its own
// safeguard and no other, with a next step.
func TestSafeguards(t *testing.T) {
	now := time.Date(2031, 5, 6, 9, 0, 0, 0, time.UTC)
	good := doctor.Posture{Source: "credential", Strength: keyring.StrengthHardware, Recovery: true, CipherKey: true, Accounts: 2, Rescuers: 1, Desk: true, Idle: 5 * time.Minute, Staff: 3,
		Records: 10, Checkpoint: now.Add(-time.Hour), Verifies: true, Backup: doctor.Backup{Dir: "/mnt/nas", Last: now.Add(-8 * time.Hour)}, Token: true, Encrypted: true, KeptDays: 400, Now: now}
	failed := func(p doctor.Posture) (ids []string) {
		for _, s := range doctor.Safeguards(p) {
			if s.Met != doctor.Pass && s.Hint == "" || s.Evidence == "" || s.Rule == "" || s.Wants == "" {
				t.Errorf("%s says too little: %+v", s.ID, s)
			}
			if s.Met == doctor.NotMet {
				ids = append(ids, s.ID)
			}
		}
		return ids
	}
	if ids := failed(good); len(ids) != 0 {
		t.Errorf("a kiosk that has everything fails %v", ids)
	}
	for id, without := range map[string]func(*doctor.Posture){
		"access-control":     func(p *doctor.Posture) { p.Accounts = 0 },
		"unique-users":       func(p *doctor.Posture) { p.Staff = 0 },
		"emergency-access":   func(p *doctor.Posture) { p.Rescuers = 0 },
		"automatic-logoff":   func(p *doctor.Posture) { p.Idle = 11 * time.Minute },
		"encryption-at-rest": func(p *doctor.Posture) { p.Strength = keyring.StrengthFile },
		"audit-controls":     func(p *doctor.Posture) { p.Checkpoint = now.Add(-25 * time.Hour) },
		"integrity":          func(p *doctor.Posture) { p.Damaged = 1 },
		"authentication":     func(p *doctor.Posture) { p.Token = false },
		"transmission":       func(p *doctor.Posture) { p.Cleartext = []string{"mqtt.broker"} },
		"backup":             func(p *doctor.Posture) { p.Backup.SameDisk = true },
		"recovery":           func(p *doctor.Posture) { p.Recovery = false },
	} {
		p := good
		without(&p)
		if ids := failed(p); len(ids) != 1 || ids[0] != id {
			t.Errorf("without what %s wants, these fail: %v", id, ids)
		}
	}
}
