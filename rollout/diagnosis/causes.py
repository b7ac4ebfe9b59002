"""The causes a failure can have, in groups, each with one sentence of advice."""

from __future__ import annotations

ADVICE = {
    # packages and where they come from
    "package_missing": "Check its name and spelling in the plan; no release of it is at the source.",
    "package_broken": "The package itself is wrong: choose another release of it, or another source.",
    "registry_unreachable": "Check the network, or deploy from a mirror or a bundle with --source.",
    "registry_error": "The registry answers with errors; wait and run again, or use a bundle.",
    "access_denied": "The server wants credentials that it accepts: log in, correct the token, or change the source.",
    "certificate_untrusted": "Install the CA of that server here (SSL_CERT_FILE names a file), and check the clock.",
    "checksum_mismatch": "Do not trust the package; clear the gateway's cache (make clean-cache) or change the source.",
    "version_conflict": "Relax a requirement in the plan, or declare an override there with its reason.",
    "git_conflict": "Commit, stash or merge by hand: Git does not overwrite what it cannot bring together.",
    "dependencies_outdated": "Fetch and build the dependencies again (mix deps.get, npm install).",
    # building
    "compile_error": "Read the compiler's message in the log; the package or the overlay needs a change.",
    "library_missing": "Install the library or its development package; the message names the file that is missing.",
    "platform_mismatch": "Use a build for this processor and system, or let it be compiled here.",
    "toolchain_too_old": "Install a newer Elixir/Erlang, or use --forge=container.",
    "command_missing": "Install that program where the commands run, put the file beside the script "
    "(--script-root says what goes along), or take the call out. A forge has no sudo: everything in it runs as you.",
    "not_executable": "Make the file one that can be executed: its execute bit (chmod +x), line ends without CR "
    "(sed -i 's/\\r$//'), a first line that names a program which is there.",
    # database
    "database_unreachable": "Start the database server, or choose another with --database.",
    "database_denied": "Give the user of --database the right to create roles and databases, and check its password.",
    "database_misconfigured": "The server answers: correct how it is used (host, IPv6, TLS, name, extension).",
    "sql_error": "Compare the schema and the data with what the statement expects; the message names both.",
    # the machine
    "in_the_way": "Remove it yourself, or choose another --directory, --name or --port; ours goes with make undeploy.",
    "unfit_place": "Choose another folder with --directory.",
    "port_taken": "Stop the program on that port, or choose another with --port.",
    "disk_full": "Free some space (make clean-cache helps) and run again.",
    "permission_denied": "Make the file or folder accessible for you, or choose another with --directory.",
    "out_of_memory": "Give it more memory (container limit, swap), or build with fewer jobs, and run again.",
    "limit_reached": "Raise the limit that the message names (open files, processes, connections, watches).",
    "in_use": "Wait until the other program has finished, or stop it, and run again.",
    "already_exists": "Remove it if it is not needed, or choose another name.",
    "file_missing": "Check the path in the message, and the folder that the command runs in.",
    "data_corrupt": "Remove the damaged file and let it be fetched or made again.",
    "engine_unfit": "Use a container engine of this machine and user, or --forge=host --database=embedded.",
    "engine_failed": "See what the container engine says of it, or go without: --forge=host --database=embedded.",
    "image_missing": "Build or pull the image, and check its name and tag.",
    # what runs
    "configuration_invalid": "Correct the setting that the message names.",
    "usage_error": "Correct the command line; the command's --help lists what it takes.",
    "script_error": "Correct the script at the line that the message names.",
    "program_error": "Read the error and its stack trace in the log; the program needs a change.",
    "tests_failed": "Read what the tests or the check of the code found in the log.",
    "server_unreachable": "Read the server's log: it has not started, or listens elsewhere.",
    "timeout": "Look at what it waited for in the log; raise timeout_seconds in the plan if the machine is slow.",
    "crashed": "The program itself crashed: run again, and try another release of it.",
    "killed": "Something ended the process from outside (memory? an operator?); run again.",
    "unknown": "Read the log; the suite has no name for this failure yet.",
}  # fmt: skip
CAUSES = tuple(ADVICE)
TRANSIENT = frozenset({"registry_unreachable", "registry_error", "database_unreachable"})
