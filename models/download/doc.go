// Package download fetches files of known size and SHA-256 by HTTPS, and continues where an earlier attempt ended.
//
//	FOLDER/<sha256>.part   what has arrived; locked while it is written
//	FOLDER/<sha256>.etag   the server's name for the version of the file that is arriving
//	FOLDER/<name>          the complete file: synced, compared with its SHA-256, then renamed
//
// It is the only package of the program that opens connections to other computers. It does so when Fetch is called and at no other time, sends no cookies and
// no identification of the user, and goes through the proxy that the environment names (HTTPS_PROXY, NO_PROXY).
package download
