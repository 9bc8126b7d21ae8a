package registry

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
)

// DataDir returns the folder in which the program keeps models and conversations. The folder
// need not exist yet. SOBERANO_HOME, if set, is that folder. Otherwise it is "soberano" in
// the user's folder for data: $XDG_DATA_HOME or ~/.local/share on Linux and similar systems,
// ~/Library/Application Support on macOS, %LocalAppData% on Windows.
func DataDir() (string, error) {
	if dir := os.Getenv("SOBERANO_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	base, err := userData()
	return filepath.Join(base, "soberano"), err
}

// PackedDir returns the folder for repacked weights (see kernels/cpu). It is "", so none are
// kept, if the data folder is unknown or SOBERANO_PACKED is "off".
func PackedDir() string {
	dir, err := DataDir()
	if err != nil || os.Getenv("SOBERANO_PACKED") == "off" {
		return ""
	}
	return filepath.Join(dir, "packed")
}

// homeDir returns $HOME, or the home folder in the system's list of users where the variable is not set, as in some services.
func homeDir() (string, error) {
	if home, err := os.UserHomeDir(); err == nil {
		return home, nil
	}
	u, err := user.Current()
	if err != nil || u.HomeDir == "" {
		return "", errors.New("the user has no home folder")
	}
	return u.HomeDir, nil
}

func userData() (string, error) {
	if runtime.GOOS == "windows" {
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return dir, nil
		}
		return "", errors.New("the variable %LocalAppData% is not set; set SOBERANO_HOME to the folder for models and conversations")
	}
	// By the XDG specification a relative path is invalid and must be ignored.
	if dir := os.Getenv("XDG_DATA_HOME"); runtime.GOOS != "darwin" && filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := homeDir()
	if err != nil {
		return "", errors.New("the home folder is unknown; set SOBERANO_HOME to the folder for models and conversations")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support"), nil
	}
	return filepath.Join(home, ".local", "share"), nil
}
