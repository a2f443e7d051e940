package config

// Config is the whole of the gateway's settings.
type Config struct {
	Kiosk       Kiosk        `toml:"kiosk"`
	Storage     Storage      `toml:"storage"`
	KeySource   KeySource    `toml:"key_source"`
	Backup      Backup       `toml:"backup"`
	Upgrade     Upgrade      `toml:"upgrade"`
	PubNub      PubNub       `toml:"pubnub"`
	Sync        Sync         `toml:"sync"`
	Web         Web          `toml:"web"`
	Board       Board        `toml:"board"`
	Desk        Desk         `toml:"desk"`
	Session     Session      `toml:"kiosk_session"`
	Control     Control      `toml:"control"`
	MQTT        MQTT         `toml:"mqtt"`
	CheckIn     CheckIn      `toml:"checkin"`
	Queue       Queue        `toml:"queue"`
	Consent     Consent      `toml:"consent"`
	Roster      Roster       `toml:"roster"`
	Log         Log          `toml:"log"`
	Metrics     Metrics      `toml:"metrics"`
	Departments []Department `toml:"department"`
	Providers   []Provider   `toml:"provider"`
	Staff       []Staff      `toml:"staff"`
	Devices     []Device     `toml:"device"`
}

// Default returns every default. What is empty here and required must be set
// in the file: kiosk.id, kiosk.letter, kiosk.site, kiosk.organization,
// kiosk.zone, pubnub.publish_key, pubnub.subscribe_key and one department.
func Default() Config {
	return Config{
		Kiosk:     Kiosk{DayStarts: clock(3, 0), Languages: []string{"en"}, Departments: []string{}},
		Storage:   Storage{Dir: defaultDataDir, Budget: defaultBudget()},
		KeySource: KeySource{Kind: KeySourcePassphrase, File: defaultPassphraseFile},
		Backup:    Backup{At: clock(2, 30), Keep: 14},
		Upgrade:   Upgrade{Window: Window{clock(2, 0), clock(4, 0)}, Keys: []string{}, Dir: defaultUpgradeDir},
		PubNub:    PubNub{Origin: "ps.pndsn.com", Secure: true, NoProxy: []string{}},
		Sync:      Sync{Batch: BatchAuto, Compress: true, Unsigned: UnsignedBound},
		Web:       Web{Listen: "127.0.0.1:8470", Idle: seconds(60), Distance: 400},
		Board:     Board{Hosts: []string{}, Departments: []string{}, Panel: 55, Distance: 6, Speak: true},
		Desk:      Desk{Hosts: []string{}, Idle: minutes(5)},
		Control: Control{Path: defaultControlPath, Roles: Roles{
			Admin: []Principal{}, Technician: []Principal{}, Desk: []Principal{}, KioskSession: defaultKioskSession()}},
		Session: Session{Compositor: CompositorAuto, CompositorWords: []string{}},
		MQTT:    MQTT{Listen: "127.0.0.1:1883"},
		CheckIn: CheckIn{Early: minutes(60), Late: minutes(30), MayCall: minutes(15), Hours: []string{}, Devices: true, Attempts: 5,
			WalkInReasons: []string{"new-problem", "getting-worse", "follow-up", "medicine", "test-results", "paperwork", "other"}, Vitals: []string{}},
		Queue:   Queue{NoShowAfter: minutes(5), Grace: minutes(30), Visit: minutes(15)},
		Consent: Consent{},
		Roster: Roster{DaysAhead: 1, Header: true, Columns: map[string]string{}, Departments: map[string]string{}, Providers: map[string]string{},
			Statuses: map[string]string{}, Modes: map[string]string{}, Languages: map[string]string{}},
		Log: Log{Level: LevelInfo, Size: Size{8 << 20}, Keep: 3},
	}
}
