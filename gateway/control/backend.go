package control

import (
	"context"
	"fmt"
	"reflect"

	"clinicgate/storage"
)

// Backend is what the channel gives access to, by noun. All members are needed.
// Every method may be called from several goroutines. An error that is not an
// [*Error] is shown with its text and, where it has a Hint method, its hint; so
// it holds nothing about a person.
type Backend struct {
	Status  Statuses
	Doctor  Doctor
	Tests   DeviceTests
	MQTT    MQTT
	Page    Page
	Queue   Queue
	Consent Consents
	Desk    DeskPage
	Roster  Roster
	Keys    Keys
	Audit   Audit
	Log     Log
	Diag    Diagnostics
	Bundle  Bundles
	Store   Store
	Token   Tokens
	Upgrade Upgrades
	Access  Accesses
	Glass   BreakGlasses
}

// Statuses tells how the service is.
type Statuses interface {
	Status(context.Context, Caller) (Status, error)
	Sync(context.Context, Caller) (SyncStatus, error)
	Devices(context.Context, Caller) (Devices, error)
}

// Page is the check-in page.
type Page interface {
	// Launch mints a launch token: single use, 60 s. It ends the earlier session
	// when it is used, not when it is minted.
	Launch(context.Context, Caller, Launch) (Launched, error)
	// Seen tells whether the launched browser shows the page.
	Seen(context.Context, Caller) (PageSeen, error)
}

// Queue is the clinic's queue, as the desk uses it.
type Queue interface {
	List(context.Context, Caller) (QueueList, error)
	// Reveal is List with the patients' names, and is on record when it returns.
	Reveal(context.Context, Caller, None) (QueueList, error)
	Admit(context.Context, Caller, Admit) (QueueEntry, error)
	WalkIn(context.Context, Caller, WalkIn) (QueueEntry, error)
	Match(context.Context, Caller, Match) (QueueEntry, error)
	Call(context.Context, Caller, CallEntry) (QueueEntry, error)
	SetStatus(context.Context, Caller, SetStatus) (QueueEntry, error)
	Remove(context.Context, Caller, Remove) (QueueEntry, error)
	SetPriority(context.Context, Caller, SetPriority) (QueueEntry, error)
	Transfer(context.Context, Caller, Transfer) (QueueEntry, error)
	Undo(context.Context, Caller, Undo) (QueueEntry, error)
	SetProvider(context.Context, Caller, SetProvider) (Provider, error)
	Help(context.Context, Caller) (HelpList, error)
	AcknowledgeHelp(context.Context, Caller, AcknowledgeHelp) (Help, error)
}

// Consents are patients' consents.
type Consents interface {
	List(context.Context, Caller, ConsentQuery) (ConsentList, error)
	Revoke(context.Context, Caller, ConsentRevoke) (ConsentList, error)
	Signature(context.Context, Caller, ConsentSigned) (ConsentSignature, error)
}

// DeskPage is who may use the desk's page.
type DeskPage interface {
	Pair(context.Context, Caller, DeskPair) (DeskPairing, error)
	Browsers(context.Context, Caller) (DeskBrowsers, error)
	// Revoke ends what the browser shows before it returns.
	Revoke(context.Context, Caller, DeskRevoke) (DeskBrowsers, error)
	SetPIN(context.Context, Caller, DeskPIN) (None, error)
	Certificate(context.Context, Caller) (DeskCertificate, error)
}

// Roster is the list of appointments.
type Roster interface {
	// Import is durable when it returns, and idempotent.
	Import(context.Context, Caller, RosterImport) (RosterImported, error)
	Held(context.Context, Caller) (HeldLists, error)
	Accept(context.Context, Caller, HeldDecision) (RosterImported, error)
	Refuse(context.Context, Caller, HeldDecision) (HeldLists, error)
}

// Keys is the keyring. No method discloses a key.
type Keys interface {
	List(context.Context, Caller) (KeyList, error)
	Import(context.Context, Caller, KeyImport) (KeyList, error)
	Rotate(context.Context, Caller, KeyRotate) (KeyList, error)
	Erase(context.Context, Caller, KeyErase) (KeyList, error)
	SetRecovery(context.Context, Caller, KeyRecovery) (KeyList, error)
}

// Audit is the audit log.
type Audit interface {
	List(context.Context, Caller, AuditQuery) (AuditEvents, error)
	Verify(context.Context, Caller, AuditVerify, func(Progress)) (AuditReport, error)
}

// Log is the service's log.
type Log interface {
	Levels(context.Context, Caller) (LogLevels, error)
	SetLevel(context.Context, Caller, LogLevel) (LogLevel, error)
	Tail(context.Context, Caller, LogTail) (LogLines, error)
}

// Diagnostics is the technician's page on the kiosk's own screen.
type Diagnostics interface {
	// Open gives a code that opens it once within ten minutes.
	Open(context.Context, Caller, DiagOpen) (DiagOpened, error)
	// Close ends it and voids the code, and tells what there was.
	Close(context.Context, Caller, DiagClose) (DiagStatus, error)
	Status(context.Context, Caller) (DiagStatus, error)
}

// Bundles are files for whoever helps from elsewhere.
type Bundles interface {
	// Make gives nothing where something was found that must not be in it.
	Make(context.Context, Caller, BundleWanted, func(Progress)) (BundleMade, error)
}

// Store is the care of the store's file.
type Store interface {
	Check(context.Context, Caller, StoreCheck, func(Progress)) (storage.Report, error)
	Compact(context.Context, Caller, None, func(Progress)) (Compacted, error)
	// Retain takes away what no rule keeps any longer.
	Retain(context.Context, Caller, None, func(Progress)) (Retained, error)
	// Backup is written, durable and read back when it returns.
	Backup(context.Context, Caller, StoreBackup, func(Progress)) (BackedUp, error)
}

// Tokens is the access token.
type Tokens interface {
	// Read takes the file's token into use, and is on record when it returns.
	Read(context.Context, Caller, None) (Token, error)
}

func (b Backend) complete() error {
	for field, v := range reflect.ValueOf(b).Fields() {
		if v.IsNil() {
			return fmt.Errorf("control backend has no %s", field.Name)
		}
	}
	return nil
}
