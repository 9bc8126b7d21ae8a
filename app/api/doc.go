// Package api connects engine/serve with the program: it opens the models of the library through app/host, keeps the key in the data
// folder, and starts and stops the server for the window and for the command line.
package api
