"""The causes that a failure can have, in groups: what each one means, and one sentence of advice.

docs/reference/causes.md is generated from both tables.
"""

from __future__ import annotations

from rollout.installation import command

ADVICE = {
    # packages and where they come from
    "package_missing": "Check its name in the plan: the source has no release of it. The message suggests the nearest.",
    "package_broken": "The package itself is wrong: choose another release of it, or another source.",
    "registry_unreachable": "Check the network, or deploy from a mirror or a bundle with --source.",
    "registry_error": "The registry answers with errors; wait and run again, or use a bundle.",
    "access_denied": "The server wants credentials that it accepts: log in, correct the token, or change the source.",
    "certificate_untrusted": "Install the CA of that server here (SSL_CERT_FILE names a file), and check the clock.",
    "checksum_mismatch": "Do not trust the package. Have the source publish it again, then use --fresh. "
    "Or change the source.",
    "version_conflict": "Relax a requirement in the plan, or declare an override there with its reason.",
    "git_conflict": "Commit, stash or merge by hand: Git does not overwrite what it cannot bring together.",
    "lock_outdated": "Run `mix deps.get` in the repository, look at what it changes in mix.lock, and commit that.",
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
    "database_denied": "Give the user of --database the right to create roles and databases "
    "(ALTER ROLE … CREATEDB CREATEROLE), and check its password.",
    "database_misconfigured": "The server answers: correct how it is used (host, IPv6, TLS, name, extension).",
    "sql_error": "Compare the schema and the data with what the statement expects; the message names both.",
    # the machine
    "in_the_way": "Remove it yourself, or choose another --directory, --name or --port; ours goes with "
    f"{command('undeploy')}.",
    "unfit_place": "Choose another folder with --directory.",
    "port_taken": "Stop the program on that port, or choose another with --port.",
    "disk_full": f"Free 3 GiB ({command('clean-cache')} helps) and run again.",
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
    "migration_irreversible": "Write up/0 and down/0 instead of change/0, or say what execute/2 does on the way back.",
    "migration_blocks": "Make the change in steps that take no long lock, or let it give up with lock_timeout.",
    "bad_release": "The old release serves as before. Read the new one's log, mend it, and deploy it again.",
    "service_interrupted": "Look at the time line of the load in the report: it has the steps of the roll too.",
    "timeout": "Look at what it waited for in the log; raise timeout_seconds in the plan if the machine is slow.",
    "crashed": "The program itself crashed: run again, and try another release of it.",
    "killed": "Something ended the process from outside (memory? an operator?); run again.",
    "unknown": "Read the log; the suite has no name for this failure yet.",
}  # fmt: skip
MEANINGS = {
    "package_missing": "No such package, release or repository at the source; the source did answer.",
    "package_broken": "The package itself is wrong: its version or application file contradicts the registry, "
    "its archive cannot be unpacked.",
    "registry_unreachable": 'The source does not answer; Mix may have printed "No package with name …" for a package '
    "that exists.",
    "registry_error": "The source answers with errors, or asks to slow down (429, 5xx).",
    "access_denied": "The source or a proxy wants credentials (401, 403, 407, SSH keys).",
    "certificate_untrusted": "The certificate or host key of a server is not trusted here, or is out of date.",
    "checksum_mismatch": "A package is not what the signed registry says, e.g. because it was changed under its "
    "version; the message has both checksums.",
    "version_conflict": "Requirements contradict each other, or an install would downgrade what is installed.",
    "git_conflict": "Git cannot bring two states together: a merge, a push that is behind, changes that would"
    " be overwritten.",
    "lock_outdated": "mix.lock does not fit mix.exs, and a deployment does not change it. The message says how.",
    "dependencies_outdated": "What is fetched or built is not what mix.exs, package.json or the lock ask for.",
    "compile_error": "A dependency, the application or an asset does not compile.",
    "library_missing": "A header or shared library that native code needs is not installed.",
    "platform_mismatch": "A program, package or image is built for another processor or system.",
    "toolchain_too_old": "Elixir, OTP, Hex, Git, Node.js or psql is missing, or older than what asks for it.",
    "command_missing": "A program, file or Mix task that was called is not there (`sudo: not found`, exit code 127).",
    "not_executable": "A file cannot be executed (exit code 126): no execute bit, lines that end with CR LF, a "
    "first line that names no program.",
    "database_unreachable": "PostgreSQL does not answer. Ecto's headline may say something else.",
    "database_denied": "Wrong password, or the right to create roles and databases is missing.",
    "database_misconfigured": "PostgreSQL answers, but the application uses it with wrong settings: IPv6 without "
    "`:inet6`, TLS that only one side wants, an unknown CA, another host or port, a database "
    "or extension that is not there.",
    "sql_error": "PostgreSQL refused a statement: schema or data are not what a migration expects.",
    "in_the_way": "Something that this suite did not make is where the deployment would go: a folder, file "
    "or link, the repository beside it, a role, database, container or network.",
    "unfit_place": "The folder is free, but no deployment can go there: it is in the cache, the checkout's "
    "sources or another deployment, below a file, a name too long.",
    "port_taken": "Somebody else listens on the port.",
    "disk_full": "Less than a run needs is free, or a quota is used up.",
    "permission_denied": "A file, folder or socket cannot be used by this user.",
    "out_of_memory": "The machine or the container has no more memory.",
    "limit_reached": "A limit other than disk and memory: open files, processes, connections, watched files, "
    "shared memory.",
    "in_use": "Another program holds a lock on what is needed.",
    "already_exists": "A command wanted to make something that exists.",
    "file_missing": "A file, folder or Git reference that is needed is not there.",
    "data_corrupt": "A file, Git object or database page is damaged.",
    "engine_unfit": "A container engine answers, but its containers do not share files or network with this process.",
    "engine_failed": "The container engine refused to make or start something, or broke.",
    "image_missing": "A container image is neither here nor at its registry.",
    "configuration_invalid": "A setting, environment variable or configuration file is missing or wrong.",
    "usage_error": "A command does not know its options or arguments.",
    "script_error": "A shell script is wrong: its syntax, its line ends, an unset variable.",
    "program_error": "A program raised an error that no other cause explains.",
    "tests_failed": "A test suite or a check of the code ran and found something.",
    "server_unreachable": "A server of this machine did not answer to a command that asked it.",
    "migration_irreversible": "A migration cannot be rolled back: nothing says what to do on the way back.",
    "migration_blocks": "Statements of the running application waited for a migration longer than the limit.",
    "bad_release": "A new release was ready but failed requests, ended, or used up its memory; it was taken back.",
    "service_interrupted": "While a release was replaced, requests failed or got lost, or data is wrong.",
    "timeout": "A command or wait went past its deadline.",
    "crashed": "A program crashed (segmentation fault, crash dump).",
    "killed": "The process was ended from outside.",
    "unknown": "The suite does not know this failure yet. Please report it with the journal.",
}  # fmt: skip
CAUSES = tuple(ADVICE)
TRANSIENT = frozenset({"registry_unreachable", "registry_error", "database_unreachable"})
