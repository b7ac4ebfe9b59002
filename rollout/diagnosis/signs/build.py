"""Signs (output patterns) of build errors: compilers, linkers and tools that are too old."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

PLATFORM = signs(
    "platform_mismatch",
    r"\b[Ee]xec format error|:enoexec\b|spawn ENOEXEC|[Ww]rong ELF class|invalid ELF header|incompatible architecture|wrong architecture",
    r"no matching manifest for|does not match the specified platform|requested image's platform .* does not match|\bEBADPLATFORM\b|Unsupported platform for|is not supported on (?:your )?platform|unsupported (?:architecture|target)|not available for (?:your|the) (?:platform|target)|was installed for a different platform|for another platform than the one|precompiled NIF is not available for this target|no precompiled",
)
TOOLCHAIN = signs(
    "toolchain_too_old",
    r"You're trying to run :?(?P<package>[a-z0-9_]+) on Elixir .* but it has declared|requires Elixir|supports only Elixir|Elixir .* or (?:later|newer|higher) is required|[Rr]equires (?:at least )?(?:Erlang/?)?OTP|OTP \d+(?:\.\d+)* or (?:later|newer|higher|above)",
    r"Git >= \S+ is required|CMake \S+ or higher is required|requires? (?:node|Node(?:\.js)?|npm|rustc|Python|glibc|CMake|git) ?(?:version )?(?:>=|v?\d)|Node\.js v?\S+ (?:or|is) (?:higher|newer|later|required|not supported)|\bEBADENGINE\b|notsup Required: .*|[Uu]nsupported engine|Not compatible with your version of node",
    r"version [`']?(?:GLIBC|GLIBCXX|CXXABI|OPENSSL|LIBSSL)\w*[\d._]+' not found|rustc \S+ is not supported|package `[^`]+` cannot be built because it requires rustc|requires? (?:a )?C\+\+\d\d|unrecognized command[- ]line option",
    r"re-?compile this module with an? (?:Erlang/)?OTP|compiled (?:for|with) a (?:later|newer) (?:version|release)|use of opcode \d+; this emulator supports only|module :json is not available|corrupt atom table",
    # A rebar3 older than this Erlang, or than this Mix, which calls its command `bare`.
    r"^escript: exception error: undefined function [^\n]*|^===> Command \w+ not found",
    # Hex, built for a newer Elixir, calls a function of its standard library that is not there yet.
    r"\(UndefinedFunctionError\) function (?:Access|Base|Code|Config|Enum|File|IO|Kernel|Keyword|List|Logger|Macro|Map|Mix|Module|Path|Process|Regex|String|System|URI|Version)\.[^\n]*(?=\n(?:[^\n]*\n){0,6}?\s+\(hex\b)",
    # Node.js meets syntax that it does not know yet in a package of others.
    r"node_modules/[^\n]*:\d+\n(?:[^\n]*\n){1,6}?SyntaxError: (?:Unexpected|Invalid)[^\n]*",
    r"is too old|upgrade (?:your )?(?:OTP|Elixir|Erlang|Node|npm|Git)\b|requires a newer|minimum supported (?:version|Rust)",
)
LIBRARIES = signs(
    "library_missing",
    r"(?:fatal )?error: '?\"?[\w./+-]+\.(?:h|hpp|hh|hrl)'?\"?:? (?:No such file|file not found)",
    r"cannot find -l\S+|library not found for -l|error while loading shared libraries|cannot open shared object file|[Ll]ibrary not loaded|image not found",
    r"was not found in the pkg-config search path|No package '[^']+' found|[Cc]ould not find (?:\w+ )?(?:headers?|librar(?:y|ies)|OpenSSL)|Could not find directory of OpenSSL|header files? (?:is|are|not) (?:missing|found)",
    r"can't find include (?:file|lib) \"|The application \"(?P<package>\w+)\" could not be found\. This may happen if",
)
COMPILERS = signs(
    "compile_error",
    r"\*\* \((?:CompileError|SyntaxError|TokenMissingError|MismatchedDelimiterError|EEx\.SyntaxError|Spark\.Error\.DslError|Phoenix\.LiveView\.\S*ParseError)\)",
    r"== Compilation error in file .*",
    r"^\s+error: .*|^error: .*\n\s+(?:│|└─|\S+\.exs?:\d+|\S*lib/)[^\n]*",
    r"^\S+:\d+(?::\d+)?: (?:fatal )?error:? .*|^\S+\.[ehy]rl:(?:\d+|none)(?::\d+)?: .*|undefined reference to|ld returned \d+ exit status|collect2: error",
    r"✘ \[ERROR\]|^\s*> .*: error: |Build failed with \d+ errors?|[Cc]an't resolve '|Cannot apply unknown utility class|CssSyntaxError|error TS\d+:|^error during build:\n[^\n]*|Rollup failed to resolve import|🚨 Build failed|SassError|Can't find stylesheet to import|ERR_OSSL_EVP_UNSUPPORTED|digital envelope routines::unsupported|Module not found: Error|Module build failed|Transform failed with \d+",
    r"^error(?:\[E\d+\])?: .*\n\s+-->[^\n]*|could not compile `(?P<package>[\w-]+)`|===> Compiling .* failed|===> .*(?:[Ee]rror|failed)",
    r"^CMake Error\b[^\n]*|Configuring incomplete, errors occurred",
    r"due to warnings while using the --warnings-as-errors option",
)
# What only says that something before did not compile.
HEADLINES = signs(
    "compile_error",
    r"^make(?:\[\d+\])?: \*\*\* No rule to make target [^\n]*(?=\n(?:[^\n]*\n){0,3}?\*\* \(Mix\) Could not compile)",
    r"[Cc]ould not compile dependency :?(?P<package>[a-z0-9_]+)|Could not compile with \"make\"|compilation terminated|Compilation failed|make(?:\[\d+\])?: \*\*\* .*Error \d+",
)
