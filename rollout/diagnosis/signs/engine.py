"""Signs (output patterns) of errors from Docker, Podman and their runtimes."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

IMAGES = signs(
    "image_missing",
    r"pull access denied|manifest (?:unknown|for .* not found)|[Nn]o such image|image not known|: image not found|repository \S+ not found: does not exist|repository does not exist|did not resolve to an alias|name unknown|failed to resolve (?:source metadata|reference).*not found",
)
_STOOD = (
    *signs(
        "usage_error",
        r"unable to find (?:user|group) \S+: no matching entries|Minimum memory limit allowed|Range of CPUs is from|invalid (?:argument|value) \"[^\"]*\" for \"?-",
    ),
    *signs("in_use", r"volume is in use|has active endpoints|is in use by (?:a )?container|image is being used"),
    *signs("server_unreachable", r"dependency failed to start: .*|container \S+ is unhealthy"),
)
RUNTIME = (
    *signs(
        "file_missing",
        r"OCI runtime .*chdir to cwd .*[Nn]o such file or directory|Are you trying to mount a directory onto a file",
    ),
    *signs(
        "command_missing",
        r"OCI runtime .*exec:? .*(?:stat .*: )?[Nn]o such file or directory|is not a (?:docker|git|podman) command|docker: unknown command: docker \w+",
    ),
    *signs(
        "engine_failed",
        r"OCI runtime (?:create|exec) failed(?!.*(?:[Pp]ermission denied|executable file not found))",
        # What the engine itself may not do is no file of ours.
        r"(?:adding|loading|init(?:ialising|ializing)?) seccomp.*|new[ug]idmap\b.*|(?:apply|load)\w* apparmor.*|error mounting .*|cgroup\S* .*[Pp]ermission denied",
    ),
)
SIGNS = (
    *_STOOD,
    *signs(
        "file_missing",
        r"bind source path does not exist|file not found in build context|failed to (?:compute cache key|calculate checksum of ref).*not found|statfs .*: no such file",
    ),
    *signs(
        "already_exists",
        r"container name .* is already in use|name \"?\S+\"? is already in use|(?:network|volume) with name \S+ already exists",
    ),
    *signs(
        "engine_failed",
        r"Cannot connect to the Docker daemon|[Ii]s the docker daemon running|error during connect|failed to connect to the docker API|[Uu]nable to connect to Podman|[Cc]annot connect to Podman|(?:docker|podman)\.sock.*(?:no such file|refused|No such file)|docker daemon is not running|DockerException|Error while fetching server API version",
        r"OCI (?:runtime|permission).*|container-init binary not found|runc (?:run|create) failed|\bcrun: |newuidmap|insufficient UIDs or GIDs|no subuid ranges|netavark|slirp4netns|\bpasta\b.*failed|cgroup(?:s|v2)?\b.*(?:not|mount|failed)|error mounting|iptables.*(?:failed|No chain)|failed to (?:create|set up|start) (?:the )?(?:shim|endpoint|container|network)|[Uu]nsupported storage driver|backing file system is unsupported|driver not supported|client version \S+ is too (?:new|old)|[Nn]o such container|container \S+ is not running|AppArmor|[Ss]eccomp|Unknown runtime specified|docker: Error response from daemon: failed to",
    ),
)
FALLBACKS = signs("engine_failed", r"Error response from daemon|docker: Error|^Error: .*\b(?:podman|crun|conmon)\b")
