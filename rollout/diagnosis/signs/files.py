"""Signs (output patterns) of file errors, such as missing, damaged or forbidden files."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

CLOSED = signs(
    "permission_denied",
    r"Permission denied|permission denied for file|: permission denied(?! (?:for|to)\b)|permission denied while trying to connect|\beacces\b|\bEACCES\b|\beperm\b|must be accessible by owner only|\bEPERM\b|[Oo]peration not permitted|not owner$",
    r":erofs\b|\bEROFS\b|[Rr]ead-only file ?system",
    r"(?:bind to|expose) privileged port|detected dubious ownership|sudo: (?:a password|a terminal|no tty|\d+ incorrect)|not in the sudoers file|[Aa]re you root\?|must be (?:run as )?root\b|[Rr]oot privileges|has wrong ownership|has invalid permissions|insufficient permission|unable to unlink|unsafe ownership",
)
SIGNS = (
    *signs(
        "data_corrupt",
        r"[Ii]ndex file (?:smaller|corrupt)|bad index file|loose object .* is corrupt|object file .* is empty|(?:pack|object)\S* .*(?:is )?corrupt|bad object|unable to read (?:tree|sha1)|broken link from|refs? .* broken|invalid sha1 pointer|bad signature 0x",
        r"[Ee]nd-of-central-directory signature not found|cannot find zipfile directory|invalid compressed data|not in gzip format|does not appear to be a valid \w+|^unexpected EOF$|[Uu]nexpected (?:EOF|end) (?:in|of) (?:archive|file|data|input)|TAR_BAD_ARCHIVE|Z_(?:DATA|BUF)_ERROR|:data_error|incorrect (?:header|data) check|bad_eocd|[Cc]orrupt(?:ed)? (?:input|archive|file|package|patch)",
        r"\b(?:[Ii]nput/output|I/O) error\b|:eio\b|\bEIO\b",
        r"could not read block|:badfile\b|is not a valid (?:atom|beam)|beam_lib.*(?:not_a_beam_file|invalid)",
    ),
    *signs(
        "already_exists",
        r"fatal: .*already (?:exists|checked out|used by worktree)|is already (?:checked out|used by worktree) at|already registered worktree|destination path .* is not an empty directory",
        r"[Ff]ile exists$|: [Ff]ile (?:already )?exists|:eexist\b|\bENOTEMPTY\b|[Dd]irectory not empty|\bEEXIST\b|(?i:\b(?:file|directory|folder|branch|tag|user|group|network|volume|container|application|module|remote|worktree)\b.* already exists)|already exists and is not",
    ),
    *signs(
        "file_missing",
        r"[Nn]o such file or directory|:enoent\b|\bENOENT\b|not a git repository|Could not find a Mix\.Project|[Nn]o rule to make target|No targets specified and no makefile|cannot stat|cannot access|no such file\b|FileNotFoundError|[Cc]annot find (?:the )?(?:file|path)|[Nn]ot a directory|:enotdir\b|Could not find migrations directory|does not contain a package\.json|Could not read package\.json|there is no such folder|Could not find [^\n]* at \"/|no configuration file provided|cannot get bootfile|is not a database cluster directory|\bno matches found: |^\S+: no match: |directory \"[^\"]*\" does not exist",
        r"[Ss]tale (?:NFS |remote )?file handle|:estale\b|\bESTALE\b",
        r"pathspec '.*' did not match|did not match any file\(s\) known to git|fatal: (?:invalid reference|bad revision|ambiguous argument|not a valid object|Not a valid|reference is not a tree|Needed a single revision)|unknown revision|No such (?:remote|ref)",
    ),
)
