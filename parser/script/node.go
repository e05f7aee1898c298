package script

type nodeOp uint8

const (
	opBad        nodeOp = iota // what could not be read
	opInt                      // name: as written
	opString                   // name: decoded
	opIdent                    // name
	opVar                      // name with the $
	opParam                    // name: the digits
	opParamCount               // $#
	opMap                      // name with the @; kids: the parts of the key
	opCall                     // name; kids: the arguments
	opTuple                    // kids; record: names of named fields
	opField                    // name of the field; kids[0] what it is a field of
	opIndex                    // kids[0] [ kids[1:] ]
	opUnary                    // name: the operator
	opIncrement                // name: ++ or --, before or after; kids[0]
	opBinary                   // name: the (first) operator of a level; kids: two or more
	opTernary                  // kids: condition, then, else
	opCast                     // ctype; kids[0]
	opSizeof                   // sizeof, offsetof, typeof …: name; kids if an expression
	opBlockValue               // { statements; value } as an expression; kids
	opRange                    // kids: from, to
	opComptime                 // kids[0]

	// Statements.
	opAssign   // name: "=", "+=" …; kids: left, right
	opIf       // kids: condition, block, condition, block …, [else block]
	opWhile    // kids: condition, block
	opUnroll   // kids: count, block
	opFor      // kids: variable, map or range, block
	opBlock    // kids
	opLet      // kids[0] the variable; ctype if declared; kids[1] the value
	opReturn   // kids
	opJump     // break, continue
	opExprStmt // kids[0]
)

// node is one piece of the syntax tree, statements and expressions alike.
type node struct {
	op         nodeOp
	start, end int
	// outer is the extent with the parentheses around an expression.
	outerStart, outerEnd int
	height               int
	name                 string
	ctype                string
	kids                 []*node
	// typ is what inference found in pass typed.
	typ   *Type
	typed int
}

// walk calls f for n and everything below it, outermost first.
func walk(n *node, f func(*node)) {
	if n == nil {
		return
	}
	f(n)
	for _, k := range n.kids {
		walk(k, f)
	}
}
