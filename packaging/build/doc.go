// Command build makes the packages: `make packages` runs it.
//
//	commit ── go build ──> four programs ──┬─ deb, rpm   (nfpm, three architectures)
//	          commands ──> man, completions├─ tar.gz, zip
//	          build info ─> SBOM, licences ├─ msi         (wixl; amd64)
//	                                       └─ SHA256SUMS, signatures
//
// # Promise
//
// The same commit makes the same bytes, on whatever day, in whatever folder: every
// time is the commit's (or SOURCE_DATE_EPOCH), files are in one order and belong to
// root, compressors say no name and no time, and the MSI's codes are made from its
// version and contents. `make packages-check` builds twice and compares. It needs the same Go, nfpm,
// wixl and tags of the repository; a tree with changes is packaged too, and is
// called "dirty" in its version.
//
// The version control system's stamp stays in the program, since the clock that
// certificates are checked against is never before it.
//
// # Keys
//
// CLINICGATE_SIGNING_KEY names the file of a key (see gateway/upgrade/signature):
// then each package and SHA256SUMS have a signature beside them. With
// CLINICGATE_AUTHENTICODE_P12 (and CLINICGATE_AUTHENTICODE_PASSWORD_FILE) program and
// MSI for Windows are signed with osslsigncode. Without, the output says "unsigned".
//
// # Refusals
//
// It makes nothing where a licence is not accepted (packaging/sbom), where a tool is
// missing, or where a key cannot be used; what was in the folder before stays then.
package main
