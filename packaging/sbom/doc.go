// Package sbom tells what a built clinicgate is made of: the modules that the
// linker put into it, their licences and the texts of these.
//
// The list comes from the program's own build info (debug/buildinfo), not from
// go.mod, so that it holds what is shipped for that target and nothing else. The
// texts come from the module cache that the program was built from. A licence is
// known by the sentences that make it that licence; one that is not recognised, or
// is not on the short list of Gate, fails the build, so that no new dependency
// brings in terms that nobody has read.
//
// The PubNub Go SDK is the one component that is not open source. Gate lets exactly
// that module through, under that licence.
//
// Bill is CycloneDX 1.5 as JSON: the same bytes for the same program.
package sbom
