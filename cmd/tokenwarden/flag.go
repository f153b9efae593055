package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// option is a flag that writes into a field of its command's options. The
// library's own flags echo a wrong value, which may be a pasted token, split
// slices at commas, know no days, and are looked up by name; this type does none
// of it.
type option struct {
	name, alias string
	usage       string // its `PLACEHOLDER` stands in backquotes
	fallback    string // what holds when it is not given, for the help
	set         func(string) error
	on          *bool // a switch: takes no value
	many        bool  // may be given several times
	override    bool  // may be given again, and the last one wins
	problem     *flagProblem

	seen bool
}

// flagProblem is the first value that a flag could not take. The flag package
// would make a text of it that repeats the value.
type flagProblem struct {
	flag string
	err  error
}

var (
	_ cli.DocGenerationSliceFlag = (*option)(nil)
	_ cli.Serializer             = (*optionValue)(nil)
)

func (o *option) Apply(set *flag.FlagSet) error {
	for _, name := range o.Names() {
		set.Var((*optionValue)(o), name, o.usage)
	}
	return nil
}

func (o *option) Names() []string {
	if o.alias != "" {
		return []string{o.name, o.alias}
	}
	return []string{o.name}
}

func (o *option) String() string         { return cli.FlagStringer(o) }
func (o *option) IsSet() bool            { return o.seen }
func (o *option) TakesValue() bool       { return o.on == nil }
func (o *option) GetUsage() string       { return o.usage }
func (o *option) GetValue() string       { return "" }
func (o *option) GetDefaultText() string { return o.fallback }
func (o *option) GetEnvVars() []string   { return nil }
func (o *option) IsSliceFlag() bool      { return false } // "may be repeated" is in the usage
func (o *option) IsVisible() bool        { return true }

// optionValue is an option as package flag sees it.
type optionValue option

func (v *optionValue) IsBoolFlag() bool { return v.on != nil }

// String says nothing: a "true" would let the library find --help by its name
// and print its own.
func (v *optionValue) String() string { return "" }

// Serialize is what the library copies from one name of a switch to the other;
// nothing else has two.
func (v *optionValue) Serialize() string { return strconv.FormatBool(v.on != nil && *v.on) }

func (v *optionValue) Set(s string) error {
	err := v.take(s)
	if err != nil && v.problem.err == nil {
		*v.problem = flagProblem{flag: v.name, err: err}
	}
	return err
}

func (v *optionValue) take(s string) error {
	if v.on != nil {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("it is a switch and takes no value")
		}
		*v.on = on
		return nil
	}
	if v.seen && !v.many && !v.override {
		return fmt.Errorf("it was given twice")
	}
	v.seen = true
	if s == "" {
		return fmt.Errorf("its value is empty")
	}
	return v.set(s)
}

// The kinds of option. Each writes to where it is told.

func toggle(name, usage string, to *bool) *option {
	return &option{name: name, usage: usage, on: to}
}

func text(name, usage string, to *string) *option {
	return &option{name: name, usage: usage, set: func(s string) error { *to = s; return nil }}
}

func texts(name, usage string, to *[]string) *option {
	return &option{name: name, usage: usage, many: true, set: func(s string) error { *to = append(*to, s); return nil }}
}

// choice is one of several words; what it points to holds the default.
func choice(name, usage string, to *string, choices ...string) *option {
	return &option{name: name, usage: usage, fallback: *to, set: func(s string) error {
		if !slices.Contains(choices, s) {
			return fmt.Errorf("expected one of %s", strings.Join(choices, ", "))
		}
		*to = s
		return nil
	}}
}

func references(name, usage string, to *[]secrets.Ref) *option {
	return &option{name: name, usage: usage, many: true, set: func(s string) error {
		ref, err := secrets.ParseRef(s)
		*to = append(*to, ref)
		return err
	}}
}

// identifier is a positive number that dbt Cloud gave to something.
func identifier(name, usage string, to *int64) *option {
	return &option{name: name, usage: usage, set: func(s string) (err error) {
		if *to, err = strconv.ParseInt(s, 10, 64); err != nil || *to <= 0 {
			return fmt.Errorf("expected a number, the id that dbt Cloud shows")
		}
		return nil
	}}
}

func count(name, usage string, to *int, least, most int) *option {
	return &option{name: name, usage: usage, set: func(s string) (err error) {
		if *to, err = strconv.Atoi(s); err != nil || *to < least || *to > most {
			return fmt.Errorf("expected a number from %d to %d", least, most)
		}
		return nil
	}}
}

// timeLimit is a duration that leaves time for something.
func timeLimit(name, usage string, to **time.Duration) *option {
	o := duration(name, usage, to)
	parse := o.set
	o.set = func(s string) error {
		if err := parse(s); err != nil {
			return err
		}
		if **to == 0 {
			return fmt.Errorf("it leaves no time for anything")
		}
		return nil
	}
	return o
}

// duration leaves nil where nothing was given: what holds then is for the
// configuration to say.
func duration(name, usage string, to **time.Duration) *option {
	return &option{name: name, usage: usage, set: func(s string) error {
		d, err := config.ParseDuration(s)
		*to = &d
		return err
	}}
}
