// Package policy decides whether a caller may run a script.
//
// In flow a [Role], the parsed script and what the caller asks for; out flows
// a [Decision]: allowed, or refused with every rule that was broken, where in
// the script, and what would be allowed. Start from [Caller] or [Operator],
// then call [Check]. It decides on what parser/script read, never on a
// pattern over text, and it fails closed: what the parser calls unclear, and
// names, settings, rates and counts that it cannot tell, are refused.
//
// Beside the parser's lists there is a second, independent reading: the
// script's tokens, made here. A denied name that only one of them sees is
// refused all the same.
//
// What is allowed is listed, what is not listed is refused: functions of
// versions to come are denied until a role names them.
//
// A policy bounds what a script can reach; it does not hide what a tracer
// sees. Whoever may trace sees process names, stacks, addresses and the
// arguments of the events that the role allows.
package policy
