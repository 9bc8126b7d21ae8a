package cli

import "runtime/debug"

// Version is the program's version (semver.org). It is defined only here; tests compare FyneApp.toml, CHANGELOG.md and the bill
// of materials with it.
const Version = "0.2.0"

// fullVersion returns Version with the commit that the program was built from, if the build recorded it.
func fullVersion(commit string, modified bool) string {
	switch {
	case commit == "":
		return Version
	case modified:
		return Version + " (commit " + commit + ", with changes)"
	}
	return Version + " (commit " + commit + ")"
}

// commit returns what the go command recorded about the source: the commit, shortened to twelve digits, and whether files were
// changed after it. The commit is "" if nothing was recorded, as with -buildvcs=false.
func commit(settings []debug.BuildSetting) (commit string, modified bool) {
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	return commit, modified
}

// buildCommit returns the commit of the running program.
func buildCommit() (string, bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", false
	}
	return commit(info.Settings)
}
