//go:build cgo

package mic

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static void alsa_silent(const char *file, int line, const char *function, int err, const char *format, ...) {}
static void jack_silent(const char *message) {}

static void mic_quiet(void) {
	int (*alsa)(void (*)(const char *, int, const char *, int, const char *, ...)) = dlsym(RTLD_DEFAULT, "snd_lib_error_set_handler");
	if (alsa != NULL) alsa(alsa_silent);
	void (*jack)(void (*)(const char *));
	jack = dlsym(RTLD_DEFAULT, "jack_set_error_function");
	if (jack != NULL) jack(jack_silent);
	jack = dlsym(RTLD_DEFAULT, "jack_set_info_function");
	if (jack != NULL) jack(jack_silent);
}

// Whether ALSA's configuration names any device: without, PortAudio 19.6 aborts the program.
static int mic_configured(void) {
	int (*update)(void) = dlsym(RTLD_DEFAULT, "snd_config_update");
	int (*search)(void *, const char *, void **) = dlsym(RTLD_DEFAULT, "snd_config_search");
	void **top = dlsym(RTLD_DEFAULT, "snd_config");
	void *found = NULL;
	if (update == NULL || search == NULL || top == NULL) return 1;
	return update() >= 0 && *top != NULL && search(*top, "pcm", &found) >= 0;
}
*/
import "C"

import "os"

// configured reports whether PortAudio may be started.
func configured() bool { return C.mic_configured() != 0 }

// quiet suppresses the messages of ALSA and JACK, about a hundred lines on standard error while
// PortAudio looks for devices: it replaces their message handlers by ones that do nothing. The
// functions are looked up at run time, since PortAudio may be built without either library. It
// also keeps JACK from starting a server.
func quiet() {
	C.mic_quiet()
	if os.Getenv("JACK_NO_START_SERVER") == "" {
		_ = os.Setenv("JACK_NO_START_SERVER", "1")
	}
}
