// Package declaration is one applicant's declaration (申报) for one notice: started after the self-check, filled in
// module by module, submitted with the pledge, and decided stage by stage along the notice's review route; a return
// names the modules that may be corrected, and only those (manual, chapter 3.3).
//
// To add a command: its struct in commands.go, a case in Decide with its function, rows in the table test, a row in
// the access table, a route. To add an event: its struct and its line in events.go, a case in Evolve, a golden file.
package declaration
