package cli

import "runtime/debug"

// Version is the program's version (semver.org). It is written only here: FyneApp.toml, CHANGELOG.md
// and the bill of materials are checked against it.
const Version = "0.2.0"

// fullVersion is Version with the commit that the program was built from, where the build knows it.
func fullVersion(commit string, modified bool) string {
	switch {
	case commit == "":
		return Version
	case modified:
		return Version + " (commit " + commit + ", with changes)"
	}
	return Version + " (commit " + commit + ")"
}

// commit returns what the go command recorded about the source: its commit, shortened to twelve digits, and
// whether files were changed after it. The commit is "" where nothing was recorded, as with -buildvcs=false.
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

// buildCommit is commit of the running program.
func buildCommit() (string, bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", false
	}
	return commit(info.Settings)
}
