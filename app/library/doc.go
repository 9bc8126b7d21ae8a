// Package library imports models and manages them: the import of dropped files, and the page that lists the models.
//
//	drop ──────────▶ paths ──Inspect──▶ what it is ──Import──▶ "Use for chat"
//	                                └─▶ why it can't be used, and what to do
//
// Each dropped model is a card above the composer with a progress bar; the user can go on working meanwhile.
package library
