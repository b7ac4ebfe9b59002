"""Signs (output patterns) of errors from Hex, npm and Git."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

ACCESS = signs(
    "access_denied",
    r"Permission denied \((?:publickey|password|keyboard)",
    r"^sign_and_send_pubkey: .*|agent refused operation|Too many authentication failures",
    r"Authentication failed for|could not read (?:Username|Password) for|terminal prompts disabled|HTTP Basic: Access denied|Invalid username or (?:password|token)|Support for password authentication was removed|remote: Permission to \S+ denied|Repository access denied|Bad credentials",
    r"Request failed \(40[13]\)|returned error: 40[13]\b|bad_status_code, 40[137]\b|HTTP/\d\.\d\", 40[137]\b|\bcode E40[13]\b|\bENEEDAUTH\b|\bHTTP(?:/\d\S*)?(?: status| error| code)?:? 40[13]\b|40[13] (?:Unauthorized|Forbidden)|ERROR 40[13]:",
    r"Proxy Authentication Required|HTTP code 407|\b407 (?:Proxy|from)|(?i:status ?(?:code)?[:=]? ?407)\b|CONNECT tunnel failed, response 40[137]\b",
    r"requested access to the resource is denied|unauthorized: |no basic auth credentials|authentication required|incorrect username or password",
    r"No authenticated (?:user|organization) found|[Aa]uth(?:entication)? token .*(?:expired|invalid)|invalid (?:API|api) key",
)

_HEX_DEPENDENCY = r"^\* (?P<package>[a-z0-9_]+)[^\n]*\(Hex package\)[^\n]*\n(?:\s+locked at [^\n]*\n)?\s+"
BROKEN = (
    *signs(
        "checksum_mismatch",
        r"[Cc]hecksum mismatch|Could not verify authenticity|bad_checksum|(?:inner|outer)_checksum_mismatch|Registry dependencies mismatch",
        r"\bEINTEGRITY\b|integrity check(?:sum)? failed|[Ii]ntegrity (?:mismatch|verification failed)|Hash Sum mismatch|(?:digest|hash|checksum|SHA\d+)\b.* (?:mismatch|does not match|did not match|do not match)|computed checksum did NOT match|THESE PACKAGES DO NOT MATCH THE HASHES|: FAILED$\n.*computed",
    ),
    *signs(
        "package_broken",
        _HEX_DEPENDENCY + r"the dependency does not match the requirement [^\n]*",
        r"^\* (?P<package>[a-z0-9_]+)[^\n]*\n(?:\s+locked at [^\n]*\n)?\s+the app file (?:at|contains|specified) [^\n]*",
        r"^\* (?P<package>[a-z0-9_]+)[^\n]*\n(?:\s+locked at [^\n]*\n)?\s+could not find an app file at [^\n]*",
        r"the dependency does not match the requirement [^\n]*got \"0\.0\.0\"",
        r"the app file (?:at|contains|specified) |could not find an app file at ",
        r"NIF file does not exist in the checksum file",
        r"Unpacking tarball failed|[Ii]nvalid tarball|tarball_error|:missing_files|:invalid_checksum|Unrecognized archive format|not a valid (?:zip|tar|archive)",
    ),
)

_CONFLICTS = signs(
    "version_conflict",
    r"^Failed to use \"[a-z0-9_]+\" \(version [^\n]*(?:\n\s+[^\n]*){1,4}",
    r"Hex dependency resolution failed|[Vv]ersion solving failed|because no versions? of .* match",
    r"the dependency :?(?P<package>[a-z0-9_]+) .* is overriding|No matching version for (?P<other>[a-z0-9_]+)|the :(?:only|targets) option for dependency (?P<third>[a-z0-9_]+)|different specs were given for the (?P<fourth>[a-z0-9_]+) app",
    r"the dependency (?P<package>[a-z0-9_]+) [^\n]*\n(?:[^\n]*\n){1,6}\s+does not match the requirement specified",
    r"^\* (?P<package>[a-z0-9_]+)[^\n]*\n(?:\s+locked at [^\n]*\n)?\s+the dependency does not match the requirement [^\n]*|the dependency does not match the requirement",
    r"The following dependencies form a cycle|lists itself as a dependency|Conflicting OTP application names",
    r"\bERESOLVE\b|\bETARGET\b|\bnotarget\b|\bEOVERRIDE\b|[Cc]onflicting peer dependency|unmet dependencies|held broken packages|ResolutionImpossible|Could not find a version that satisfies",
)
_MISSING = signs(
    "package_missing",
    r"The Git repository [\w.-]+/(?P<package>[\w.-]+) cannot be had from|[Rr]epository '.*/(?P<other>[\w.-]+?)(?:\.git)?/?' (?:not found|does not exist)",
    r"Failed to automatically determine latest version for `(?P<package>[a-z0-9_]+)",
    r"No package with name (?P<package>[a-z0-9_]+)|depends on \"(?P<other>[a-z0-9_]+)\" which doesn't exist|Unknown package (?:version )?(?P<third>[a-z0-9_]+)",
    r"Could not find a version of (?P<package>[a-z0-9_]+)|Package fetch failed and no cached copy available|Request failed \(404\)|Failed to fetch record for '?(?P<other>[a-z0-9_/]+)'? from registry(?! \(using cache)",
    r"npm (?:ERR!|error) 404\s+'(?P<package>@?[\w/.-]+)@[^']*' is not in this registry",
    r"is not in (?:this|the npm) registry|\bE404\b|bad_status_code, 404|HTTP/\d\.\d\", 404\b",
    r"ERROR: Repository not found|[Cc]ould ?n[o']t find remote (?:ref|branch)|Remote branch \S+ not found|not our ref|unadvertised object|does not appear to be a git repository|project you were looking for could not be found|returned error: 404",
    r"Unable to locate package (?P<package>\S+)|Package '(?P<other>[^']+)' has no installation candidate|No matching distribution found for (?P<third>\S+)|does not have a Release file",
)
SIGNS = (*_CONFLICTS, *_MISSING)
TOGETHER = signs(
    "git_conflict",
    r"^CONFLICT \(.*|Automatic merge failed|\[rejected\].*|failed to push some refs|non-fast-forward|refusing to merge unrelated histories|^Patch failed at .*|Not possible to fast-forward",
    r"would be overwritten by (?:checkout|merge)|You have (?:unstaged|uncommitted) changes|cannot (?:rebase|pull with rebase): |unmerged files|error: could not apply|patch does not apply",
)

OUTDATED = (
    *signs(
        "lock_outdated",
        r"Your mix\.lock is out of date and must be updated without the --check-locked[^\n]*",
    ),
    *signs(
        "dependencies_outdated",
        r"^\* (?P<package>[a-z0-9_]+)[^\n]*\n(?:\s+locked at [^\n]*\n)?\s+(?:lock (?:mismatch|outdated)|the dependency (?:is not available|is not locked|build is outdated|compile environment is outdated|was built with))[^\n]*",
        r"the dependency (?:is not available|is not locked|build is outdated|was built with)|lock (?:mismatch|outdated):|Cannot checkout path dependency",
        r"npm ci` can only install|package-lock\.json (?:is|are) not in sync|not in sync|npm-shrinkwrap",
        r"Cannot find (?:module|package) (?:'[^./'][^']*'|@[\w.-]+/[\w.-]+)|\bERR_MODULE_NOT_FOUND\b|ModuleNotFoundError: No module named",
        r"\*\* \(Mix\) Formatter plugin \S+ cannot be found",
        r"Please verify you have added .* as a dependency|Could not start application (?P<package>[a-z0-9_]+): could not find application file",
    ),
)
