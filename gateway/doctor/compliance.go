package doctor

import (
	"fmt"
	"strings"
	"time"

	"clinicgate/storage/keyring"
)

// Met says whether a safeguard is there.
type Met string

// The answers. Outside is what this kiosk cannot see: the clinic shows it.
const (
	Pass    Met = "pass"
	NotMet  Met = "fail"
	Outside Met = "ask"
)

// Safeguard is one technical safeguard, and what was seen of it. Rule is its place in
// the HIPAA security rule (45 CFR part 164, text of 2019).
type Safeguard struct {
	ID       string `json:"id"`
	Rule     string `json:"rule"`
	Wants    string `json:"wants"`
	Met      Met    `json:"met"`
	Evidence string `json:"evidence"`
	Hint     string `json:"hint,omitempty"`
}

// Posture is what safeguards are judged by.
type Posture struct {
	Source      string // of the key
	Strength    keyring.Strength
	Recovery    bool // a recovery key is set
	CipherKey   bool // the clinic's key of what goes to PubNub is held
	Accounts    int  // accounts and groups with a role, beyond the administrator
	Rescuers    int  // of them, who may take a role in an emergency
	Desk        bool
	Idle        time.Duration // of the desk's page
	Staff       int
	Records     uint64 // of the audit log
	Checkpoint  time.Time
	Damaged     int64 // records that cannot be opened
	Verifies    bool  // the audit log
	Backup      Backup
	Token       bool // access tokens are used
	SignedOnly  bool
	Encrypted   bool     // the way to PubNub
	Cleartext   []string // listeners and brokers on the network without TLS
	KeptDays    int      // audit events and consents on this kiosk
	Now         time.Time
	OutsideSink bool
}

const (
	idleLongest    = 10 * time.Minute
	checkpointAged = 24 * time.Hour
)

// Safeguards judges the technical safeguards of 164.312 and those parts of 164.308 and
// 164.316 that a machine can show. It says nothing about the clinic's paper.
func Safeguards(p Posture) []Safeguard {
	s := []Safeguard{
		judge("access-control", "164.312(a)(1)", "only accounts with a role are answered", p.Accounts > 0,
			fmt.Sprintf("%d accounts and groups have a role, everybody else is refused", p.Accounts),
			"name accounts or groups under [control.roles], so that nobody needs the administrator's account for daily work"),
		judge("unique-users", "164.312(a)(2)(i)", "each act names one person", !p.Desk || p.Staff > 0,
			fmt.Sprintf("the account of the operating system is in each event; %d people have a PIN of their own at the desk", p.Staff),
			"give each person a [[staff]] table and a PIN of her own: `clinicgate desk pin`"),
		judge("emergency-access", "164.312(a)(2)(ii)", "access in an emergency, with a reason and a record", p.Rescuers > 0,
			fmt.Sprintf("%d accounts and groups may take a role with `clinicgate break-glass`, with the network or without", p.Rescuers),
			"name somebody under control.roles.desk or control.roles.technician: only they can take a role"),
		judge("automatic-logoff", "164.312(a)(2)(iii)", "who walks away is logged off", !p.Desk || p.Idle > 0 && p.Idle <= idleLongest, logoff(p),
			"set desk.idle to 10m or less"),
		judge("encryption-at-rest", "164.312(a)(2)(iv)", "what is stored cannot be read without a key that is elsewhere", p.Strength != keyring.StrengthFile && p.Strength != "",
			fmt.Sprintf("every record is sealed by AES-256-GCM; the key's source is %s (%s)", p.Source, p.Strength),
			"a key beside the data is no protection: `clinicgate keys source credential`, dpapi or passphrase"),
		judge("audit-controls", "164.312(b)", "what happens is recorded, and the record is signed", p.Records > 0 && !p.Checkpoint.IsZero() && p.Now.Sub(p.Checkpoint) < checkpointAged,
			fmt.Sprintf("%d audit records, %s", p.Records, since("the newest signed checkpoint is", p.Checkpoint, p.Now)), "`clinicgate doctor` says why none is signed"),
		judge("integrity", "164.312(c)(1), (c)(2)", "what was changed is found", p.Verifies && p.Damaged == 0, integrity(p),
			"`clinicgate audit verify` names the first bad record; keep a copy of the data folder"),
		judge("authentication", "164.312(d)", "who speaks is who they say", p.Token || p.SignedOnly, authentication(p),
			"use access tokens (pubnub.token_file), or take only what is signed: sync.unsigned = \"off\""),
		judge("transmission", "164.312(e)(1), (e)(2)", "nothing crosses a network in the clear", p.Encrypted && p.CipherKey && len(p.Cleartext) == 0, transmission(p),
			"import the clinic's pubnub-cipher key with `clinicgate keys import`; give brokers on the network TLS"),
		judge("backup", "164.308(a)(7)(ii)(A)", "an exact copy can be had back", p.Backup.Dir != "" && p.Backup.Problem == "" && !p.Backup.SameDisk && p.Now.Sub(p.Backup.LastAt(p.Now)) <= backupAge, copies(p),
			"set backup.dir to a folder on another machine; `clinicgate doctor --only store-backup` says what is wrong"),
		judge("recovery", "164.308(a)(7)(ii)(B)", "data can be had back when the machine is lost", p.Recovery, word(p.Recovery, "a recovery key is set", "no recovery key is set: without this machine a backup is of no use"),
			"`clinicgate keys recovery init`, and keep the private half in the clinic's safe"),
		{ID: "six-years", Rule: "164.316(b)(2)(i)", Wants: "records are kept for six years", Met: Outside,
			Evidence: fmt.Sprintf("this kiosk keeps audit events and consents for %d days after they were sent", p.KeptDays),
			Hint:     "show that the clinic keeps what arrives over PubNub for six years"},
	}
	if p.OutsideSink {
		s[len(s)-1].Evidence += ", and until the outside sink has them"
	}
	return s
}

func judge(id, rule, wants string, ok bool, evidence, hint string) Safeguard {
	if ok {
		return Safeguard{ID: id, Rule: rule, Wants: wants, Met: Pass, Evidence: evidence}
	}
	return Safeguard{ID: id, Rule: rule, Wants: wants, Met: NotMet, Evidence: evidence, Hint: hint}
}

func word(yes bool, then, otherwise string) string {
	if yes {
		return then
	}
	return otherwise
}

func since(what string, at, now time.Time) string {
	if at.IsZero() {
		return what + " not there"
	}
	return what + " " + days(now.Sub(at)) + " old"
}

func logoff(p Posture) string {
	if !p.Desk {
		return "the desk's page is off; the command line keeps nobody logged in"
	}
	return fmt.Sprintf("the desk's page logs off after %v", p.Idle)
}

func integrity(p Posture) string {
	return word(p.Verifies, "the audit log verifies", "the audit log does not verify") + fmt.Sprintf(", %d records cannot be opened", p.Damaged)
}

func authentication(p Posture) string {
	return "this kiosk's events are signed; " + word(p.SignedOnly, "unsigned ones of others are refused", "unsigned ones of staff apps are taken") +
		word(p.Token, ", and access tokens bind who may publish", ", and no access token binds who may publish")
}

func transmission(p Posture) string {
	text := word(p.Encrypted, "TLS 1.2 or newer to PubNub", "no TLS to PubNub") + word(p.CipherKey, ", inside it AES-256", ", no cipher key is held, so that nothing is sent")
	if len(p.Cleartext) > 0 {
		return text + "; without TLS: " + strings.Join(p.Cleartext, ", ")
	}
	return text + "; nothing else leaves the machine without TLS"
}

func copies(p Posture) string {
	text := since("the last good copy is", p.Backup.LastAt(p.Now), p.Now)
	switch {
	case p.Backup.Dir == "":
		return "no nightly backup is set up; " + text
	case p.Backup.Problem != "":
		return text + "; the last try failed: " + p.Backup.Problem
	case p.Backup.SameDisk:
		return text + ", on the store's own disk"
	}
	return text
}
