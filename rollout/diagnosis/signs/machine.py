"""Signs (output patterns) of machine errors, such as full disks, crashes and ports in use."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

# The kernel says "No space left on device" of more than disks.
_LIMITS_THAT_LOOK_LIKE_DISKS = signs(
    "limit_reached",
    r"System limit for number of file watchers reached",
    r"inotify\w*\b.*(?:No space left on device|[Tt]oo many open files|limit)",
    r"could not (?:resize|create) shared memory segment.*No space left on device",
    r"could not create semaphores: No space left on device",
    r"predefined address pools have been fully subnetted|non-overlapping IPv4 address pool",
    r"out of shared memory",
    r"(?:keyring|key quota).*[Dd]isk quota exceeded|join(?:ing)? session keyring",
)
_DISK = signs(
    "disk_full",
    r"[Nn]o space left on device|\benospc\b|\bENOSPC\b|could not extend file",
    r"[Qq]uota exceeded(?!\w).*(?:disk|file|write)|[Dd]isk quota exceeded|:edquot\b|\bEDQUOT\b",
    r"\(disk_full\)|[Dd]isk (?:is )?full|[Nn]ot enough (?:free )?(?:disk )?space|You don't have enough free space",
)
_MEMORY = signs(
    "out_of_memory",
    r"\w+_alloc: Cannot (?:re)?allocate",
    r"[Cc]annot allocate memory|\benomem\b|\bENOMEM\b|not enough memory|Failed to create super carrier",
    r"JavaScript heap out of memory",
    r"out of memory allocating|[Vv]irtual memory exhausted|std::bad_alloc|memory exhausted|^MemoryError\b",
    r"Killed \(program \w+\)|Killed signal terminated program|(?:cc1\w*|ld|collect2)\b.*\bsignal 9\b",
    r"OOMKilled|oom-kill|OOM killer|Memory cgroup out of memory",
    r"\(out_of_memory\)|\b[Oo]ut of memory\b",
)
_LIMITS = signs(
    "limit_reached",
    r"[Tt]oo many open files|(?i:\b(?:emfile|enfile)\b)",
    r"fork: (?:retry: )?Resource temporarily unavailable|[Cc]annot fork|\bspawn \S+ EAGAIN\b|:eagain\b",
    r"can't start new thread|pthread_create\b.*(?:failed|Resource temporarily unavailable)|[Ff]ailed to create (?:\w+ )*thread|unable to create (?:new )?(?:native )?thread|newosproc",
    r"exceeded (?:its|your) (?!.*rate)[\w ]*(?:budget|quota)|exceeded num_\w+|exceeded the maximum number of (?:\w+ )?(?:files|processes|locks|threads|connections)",
    r":system_limit\b|\bsystem_limit\b|Too many processes|[Pp]rocess limit",
    r"too many clients already|\(too_many_connections\)|remaining connection slots are reserved|too many connections for (?:role|database)|no more connections allowed",
    r"Argument list too long|:e2big\b|\bE2BIG\b|[Ff]ile ?name too long|:enametoolong\b|\bENAMETOOLONG\b",
    r"ulimit: .*cannot modify limit.*|[Pp]ids? limit|pids\.max|no more index entries in \w+",
)
_CRASHES = signs(
    "crashed",
    r"Segmentation fault|SIGSEGV|\(core dumped\)|SIGABRT|SIGBUS|SIGILL|Illegal instruction|^.*\bBus error\b",
    r"internal compiler error|thread '[^']*' (?:\(\d+\) )?panicked at|^panic: |no next heap size found|double free or corruption|stack smashing detected",
)
_KILLS = signs(
    "killed",
    r"^\S+: line \d+:\s+\d+ (?:Killed|Terminated)\b.*|^Killed$|\] Killed$|^Killed: 9|\bError 137\b|exit(?:ed with)?(?: (?:code|status))?:? 137\b|signal: 9, SIGKILL|terminated by signal (?:9|15)\b|received signal (?:9|15|SIGKILL|SIGTERM)\b",
)
SIGNS = (*_LIMITS_THAT_LOOK_LIKE_DISKS, *_DISK, *_MEMORY, *_LIMITS, *_KILLS, *_CRASHES)

TAKEN = (
    *signs(
        "port_taken",
        r":?eaddrinuse\b|\bEADDRINUSE\b|[Aa]ddress (?:is )?already in use",
        r"[Pp]ort \d+ is taken by another|[Pp]ort (?:\d+ )?(?:is )?already (?:in use|allocated)|[Pp]orts are not available|[Pp]ort \d+ (?:is )?in use|[Cc]annot assign requested port",
    ),
    *signs(
        "in_use",
        r"\.lock': File exists|Another git process seems to be running|could not lock (?:config file|ref)|[Cc]annot lock ref",
        r"Could not get lock |dpkg (?:frontend|status database) lock|[Uu]nable to (?:acquire|lock) (?:the )?(?:dpkg|lock|directory)",
        r"[Tt]ext file busy|:etxtbsy\b|\bETXTBSY\b|[Dd]evice or resource busy|:ebusy\b|\bEBUSY\b|(?:target|device) is busy",
        r"seems to be in use by another Erlang node|database is locked|is already locked",
    ),
)

WAITING = signs(
    "timeout",
    r"did not answer within \d+ ?s",
    r"timed out after \d+|\(EXIT\) time ?out|ExUnit\.TimeoutError|[Tt]imeout (?:was )?(?:exceeded|expired)|[Tt]imed out waiting|[Dd]eadline exceeded|\*\* \(exit\).*timeout|Waiting for lock on the build directory",
)
