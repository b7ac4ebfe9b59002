"""Signs (output patterns) of shell errors, such as missing commands and unknown options."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

_OTHER_LINE_ENDS = signs("not_executable", r"^.*\$'[^'\n]*\\r'.*")
_WRONG = signs(
    "script_error",
    r"\[\[: not found|set: [Ii]llegal option -o pipefail|(?:shopt|declare|source|pushd|mapfile): not found|(?:declare|local|readonly|set|shopt|read|mapfile): .*invalid option",
    r"syntax error near unexpected token|syntax error: unexpected|^\S+: (?:line )?\d+: [Ss]yntax error\b.*|unexpected EOF while looking for matching|line \d+: syntax error|^\S+:\d+: parse error\b.*",
    r"unbound variable|parameter (?:not set|null or not set)|[Bb]ad substitution|ambiguous redirect|(?:unary|binary|conditional binary) operator expected|integer expression expected|Illegal number: |division by (?:0|zero) \(error token|value too great for base|[Bb]ad array subscript|operand expected|not a valid identifier|readonly variable",
    r"sed: -e expression|awk: .*syntax error|unterminated [`']?s'? command",
)
SCRIPT = (*_OTHER_LINE_ENDS, *_WRONG)
# What programs say of programs; what shells say of them is in rollout/diagnosis/shells.py, and in COMPLAINTS.
_NOT_EXECUTABLE = signs(
    "not_executable",
    r"exec:? \W{0,2}[\w./-]+\W{0,2}: [Pp]ermission denied|open executable: [Pp]ermission denied|\bspawn \S+ EACCES\b",
    r"Erlang error: :eacces(?s:.{0,900}?)System\.(?:cmd|shell)\(",
)
_NOT_THERE = signs(
    "command_missing",
    r"executable file not found|could not find executable|executable is not available in your PATH|not found in (?:your )?\$?PATH|is not (?:on|in) (?:your |the )?\$?PATH|\bspawn \S+ ENOENT\b|No such file or directory: '[\w.+-]+'$|is not recognized as",
    r"^make(?:\[\d+\])?: [\w.+/-]+: (?:[Cc]ommand not found|No such file or directory|not found)|Unable to (?:find|locate) (?:the )?executable|No CMAKE_\w+_COMPILER could be found|no acceptable C compiler found|linker `?\w+`? not found",
    r"Erlang error: :enoent(?s:.{0,900}?)System\.(?:cmd|shell)\(|Could not find executable|Please install Git|git-lfs: (?:command )?not found|gyp ERR! find Python|Could not find any Python|gyp ERR! stack Error: not found",
    r"is required,? but (?:it'?s |it is |was )?not (?:installed|found|available)|\b[\w.+-]+ is not installed\b|[Pp]lease install [\w.+-]+ (?:first|before)",
    r"\"[\w.+-]+\" not found in the path|\b[\w+-]+ executable (?:was )?not found\b|The task \"[\w.]+\" could not be found|Could not find Hex, which is needed|Could not find \"rebar3?\"|Could not find an SCM for dependency|bin/(?:esbuild|tailwind)\S*: No such file",
)
COMMANDS = (*_NOT_EXECUTABLE, *_NOT_THERE)
# A complaint of a shell inside of something that then fails, too; a script that went on did without the command.
_FAILS_LATER = r"$(?=(?s:.{0,2000}?)(?:\*\* \(|[Ee]rror\b|ERROR|ERR!|failed|\bExit\b))"
_ENDS_IT = rf"(?:$(?=\s*\Z)|{_FAILS_LATER})"
COMPLAINTS = (
    *signs(
        "toolchain_too_old",
        r"^(?:.*: )?(?:line )?(?:\d+: )?(?:exec: )?(?:elixirc?|erlc?|escript|git|iex|mix|node|npm|npx|pg_dump|psql|rebar3): (?:command )?not found"
        + _FAILS_LATER,
    ),
    *signs(
        "command_missing",
        r"^(?:.*: )?(?:line )?(?:\d+: )?(?:exec: )?[\w.+/-]+: (?:command )?not found" + _FAILS_LATER,
        r"[Cc]ommand '[^']+' not found" + _FAILS_LATER,
        r"^\S+: line \d+: \S+: No such file or directory" + _ENDS_IT,
        r"^\S+: \d+: (?:\.: )?(?:cannot open )?\S+: (?:No such file(?: or directory)?|not found)" + _ENDS_IT,
    ),
)
USAGE = signs(
    "usage_error",
    r"\*\* \((?:Mix|OptionParser\.ParseError)\) (?:Could not invoke task|Unknown option|Invalid option|\d+ errors? found)|\(OptionParser\.ParseError\)|Invalid (?:arguments|option)|Unknown option\b",
    r"unknown (?:flag|shorthand flag|option|switch|command)|unrecognized (?:option|arguments?)|invalid option(?! name)|illegal option|unexpected argument|Missing script:|[Mm]issing (?:required )?(?:argument|operand)|the following arguments are required|too many command-line arguments|expects? (?:a|an|the|\d+) .*arguments?|cannot be run as root|\"root\" execution of the PostgreSQL server is not permitted|invalid reference format|Expected .* as argument",
)
FALLBACKS = signs(
    "program_error",
    r"cb\(\) never called|Cannot read propert(?:y|ies) of \w+|[Bb]roken pipe|\bepipe\b|\bEPIPE\b",
    r"^Traceback \(most recent call last\)|^(?:Uncaught )?(?:Type|Reference|Range|Eval)Error: |^\w+(?:\.\w+)*(?:Error|Exception): ",
)
