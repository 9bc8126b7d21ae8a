package jinja

// stmt is a statement of the tree that the parser makes. exec runs it (exec.go) and tells what a loop
// around it has to do.
type stmt interface {
	exec(r *run, s *scope) signal
}

type signal uint8

const (
	goOn signal = iota
	breakLoop
	continueLoop
)

// expr is an expression of the tree; eval returns its value (eval.go).
type expr interface {
	eval(r *run, s *scope) value
}

type (
	textS  struct{ text string }
	printS struct {
		line int
		e    expr
	}
	ifS struct {
		line   int
		tests  []expr
		bodies [][]stmt
		orElse []stmt
	}
	forS struct {
		line       int
		target     target
		iter, test expr // test may be nil
		body, none []stmt
		recursive  bool
	}
	setS struct {
		line   int
		target target
		e      expr
	}
	setBlockS struct {
		line   int
		target target
		body   []stmt
		filter expr // the filters of the body's text, which is the variable bodyName; may be nil
	}
	filterS struct { // also {% generation %}, which has no filter
		line   int
		body   []stmt
		filter expr
	}
	macroS struct{ def *macroDef }
	callS  struct {
		line int
		call *callE
		def  *macroDef
	}
	withS struct {
		line    int
		targets []target
		values  []expr
		body    []stmt
	}
	blockS struct { // {% block %}; its body has no variables but the global ones
		body []stmt
	}
	jumpS struct{ to signal }
)

// bodyName is the variable with the text of a block for the block's filters. A template can't have a
// variable of this name.
const bodyName = " body"

// macroDef is a macro or the body of a call block.
type macroDef struct {
	name     string
	params   []string
	defaults []expr // for the last of params
	body     []stmt
	uses     specials
}

// specials tells which of a macro's special variables its body uses.
type specials struct{ caller, kwargs, varargs bool }

func (s *specials) add(o specials) {
	s.caller = s.caller || o.caller
	s.kwargs = s.kwargs || o.kwargs
	s.varargs = s.varargs || o.varargs
}

// target is what is assigned to: a name, an attribute of a namespace, or several of them.
type target struct {
	name  string
	attr  string   // name.attr
	parts []target // if not nil: unpack into these
	line  int
}

type (
	constE struct{ v value }
	nameE  struct{ name string }
	listE  struct{ items []expr }
	tupleE struct{ items []expr }
	dictE  struct{ keys, vals []expr }
	attrE  struct {
		line int
		obj  expr
		name string
	}
	itemE struct {
		line int
		obj  expr
		key  expr
	}
	sliceE struct{ start, stop, step expr } // only as the key of an itemE; parts may be nil
	callE  struct {
		line int
		fn   expr
		args argsE
	}
	filterE struct {
		line int
		in   expr
		name string
		args argsE
	}
	testE struct {
		line int
		in   expr
		name string
		args argsE
	}
	notE  struct{ e expr }
	signE struct { // -e, +e
		line int
		neg  bool
		e    expr
	}
	binE struct {
		line int
		op   string
		l, r expr
	}
	concatE struct{ parts []expr }
	andE    struct{ l, r expr }
	orE     struct{ l, r expr }
	cmpE    struct {
		line  int
		first expr
		ops   []string // == != < <= > >= in, not in
		rest  []expr
	}
	condE struct {
		line       int
		test, a, b expr // b may be nil
	}
)

// argsE are the arguments of a call, filter or test.
type argsE struct {
	pos         []expr
	names       []string
	named       []expr
	star, dstar expr // *args, **kwargs
}
