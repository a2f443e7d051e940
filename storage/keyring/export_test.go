package keyring

// ParseKeyFile is tested by a fuzz target without a file for each input.
var ParseKeyFile = parseKeyFile
