// Package oslo reads the dialect of ini files that oslo.config has: its lines, sections and
// continuations, its quotes, its lists, booleans and integers, and its $references. Every rule here is
// what oslo.config 9 does, found by running it; test/oslo runs it again beside this package.
//
// It knows no option and no file name. Which options there are, which file wins and what a person is
// told about it is the business of package config.
package oslo
