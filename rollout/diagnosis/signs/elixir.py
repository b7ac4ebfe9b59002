"""Signs (output patterns) of errors from Mix, ExUnit, Elixir and the Erlang VM."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

SETTINGS = signs(
    "configuration_invalid",
    r"environment variable \"?\S+\"? is (?:missing|not set)|could not fetch environment variable|\(System\.EnvError\)|(?i:secret_key_base).*(?:missing|not set|expects|at least|required|nil)|expects conn\.secret_key_base|required variable \S+ is missing|password is not specified|You must specify \w+|Missing required (?:environment|config)|is not set in the environment|[Ee]nvironment variable .* (?:must be set|required|is required)",
    r"\(Ecto\.InvalidURLError\)|has a different value set for (?:key|path)|could not (?:read|load|find) (?:the )?config|\(Config\.\w+\)|validate_compile_env|no configuration (?:found|for)|configuration for .* not (?:found|specified)|No url found for submodule path|no submodule mapping found|unknown (?:esbuild|tailwind) profile|is not configured\b",
    r"Config provider \S+ failed with:\n[^\n]*|^.*[Vv]ariable \S+ in app \S+ is undefined",
    # What is raised by a file of settings, wherever in it.
    r"^.*\*\* \((?!Mix\))[A-Z][\w.]*\) [^\n]*(?=\n(?:[^\n]*\n){0,14}?\s+(?:\S*/)?(?:config/\w+|releases/\S+/runtime)\.exs:\d+: )",
    r"contains merge conflicts|Dependency specified in the wrong format|Unknown (?:repository|organization) \"|Invalid requirement|is incorrectly specified|Expected :?\w+ (?:to be|in dependency)|:elixirc_paths|Unknown dependency|\(Version\.Invalid(?:Requirement|Version)Error\)|^.*\*\* \(\w+Error\) .*\bmix\.lock:\d+.*|server gave HTTP response to HTTPS client",
    r"\bEJSONPARSE\b|npm (?:ERR!|error) JSON\.parse|in JSON at position|Invalid package\.json|bad config (?:line|variable|file)|Author identity unknown|[Pp]lease tell me who you are|unable to auto-detect email|empty ident name|yaml: |contains an invalid type|Additional property|TOMLDecodeError|invalid (?:YAML|TOML|JSON)",
    r"\(NimbleOptions\.ValidationError\)|invalid value for :\w+\b|unknown options? \[|invalid (?:configuration|config)\b|bad return value: \{.*badarg.*config|:badcookie",
)
TESTS = signs(
    "tests_failed",
    r"\d+ tests?, [1-9]\d* failures?(?:.*)|^\s+\d+\) test .*|^=+ .*\b\d+ failed\b.*|npm (?:ERR!|error) Test failed",
    r"mix format failed due to|--check flag was provided|Pending Code Generation Detected|Found retired packages|Known Vulnerable Dependency[^\n]*|^\w+\.\w+: .* - (?:High|Medium|Low) Confidence|mods/funs, found [1-9]\d* |\d+ vulnerabilit(?:y|ies) found|done \(warnings were emitted\)|Total errors: [1-9]",
)
# What a task of Mix, or a tool, says of its arguments in words of its own.
_REFUSED = (
    *signs(
        "already_exists",
        r"\*\* \(Mix\) .*(?:there is already|already (?:exists|defined|taken))|[Pp]lease select another directory",
    ),
    *signs(
        "usage_error",
        r"\*\* \(Mix\) .*(?:\bmust (?:start|be|have|contain)\b|[Ee]xpected\b.*\bgot\b|is not (?:a )?valid\b|cannot be (?:used|invoked|run)\b|[Ii]nvalid (?:argument|name|option|module|application)|[Uu]nknown (?:release|command|target|profile|format|type|adapter)\b|Could not load \S+, error: )",
        r"missing (?:\w+ )+operand|Try '[^']+ --help' for more information|^[Uu]sage: \S+",
    ),
    *signs(
        "configuration_invalid",
        r"\*\* \(Mix\) .*\b(?:is listed both as|is not listed as|has (?:unknown|invalid) )|Can't set (?:long|short) node name|Hostname \S+ is illegal|\b[Pp]arse error\b|[Cc](?:ould not|annot) parse\b|[Ff]ailed to parse\b",
    ),
)
FALLBACKS = (
    *_REFUSED,
    *signs("program_error", r"\*\* \((?!Mix\)|exit\)|EXIT)[A-Z]\w*(?:\.\w+)*\)", r"\*\* \((?:exit|EXIT)[^)]*\)|Could not start application|[Aa]pplication \S+ exited"),
    *signs("crashed", r"Kernel pid terminated|Runtime terminating during boot|init terminating in do_boot|Crash dump is being written|erl_crash\.dump"),
)  # fmt: skip
