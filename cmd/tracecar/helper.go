package main

// helperCommand is the one argument with which tracecar is its own root
// helper. It is hidden, and must be the only one: the sudoers line names the
// exact command.
const helperCommand = "root-helper"
