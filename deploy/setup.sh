# shellcheck shell=bash
# Sets up virtual environments from lock files. Sourced by deploy/demo, tests/run and .ci/run;
# what to run in an environment does not belong here.

# Print the first Python that is new enough; HOTFIX_PYTHON goes first.
find_python() {
    local candidate
    for candidate in "${HOTFIX_PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [[ -n $candidate ]] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Hotfix Bot needs Python 3.11 or later; on Debian: apt-get install python3 python3-venv python3-pip" >&2
    return 1
}

# Run a command; show what it printed only when it fails.
quietly() {
    local output
    output=$("$@" 2>&1) && return
    printf '%s\n' "$output" "failed: $*" >&2
    return 1
}

# make_venv DIR: a fresh, empty environment. Debian keeps ensurepip in a package of its own; an
# outer pip can then serve the environment.
make_venv() {
    local python
    python=$(find_python)
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        quietly "$python" -m venv --clear "$1"
    elif "$python" -c 'import pip, venv' 2>/dev/null; then
        quietly "$python" -m venv --clear --without-pip "$1"
    else
        echo "This Python has neither ensurepip nor pip; on Debian: apt-get install python3-venv python3-pip" >&2
        return 1
    fi
}

# venv_install DIR PIP-ARGUMENT...: install into an environment that make_venv made.
venv_install() {
    local venv=$1 pip
    shift
    pip=("$venv/bin/python" -m pip)
    [[ -x $venv/bin/pip ]] || pip=("$(find_python)" -m pip --python "$venv/bin/python")
    quietly "${pip[@]}" install --quiet --no-input --disable-pip-version-check "$@"
}

# What an environment depends on, as one line: a change of it makes a new environment.
venv_digest() {
    "$(find_python)" - "$@" <<'PYTHON'
import hashlib
import pathlib
import sys

digest = hashlib.sha256(f"{sys.version}\n{sys.executable}\n{sys.argv[1]}".encode())
for name in sys.argv[2:]:
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest())
PYTHON
}

# set_up PROJECT DIR LOCK: an environment with exactly the locked packages and the project itself,
# editable. Does nothing when DIR was made from the same files. Call it as a statement of its own:
# in a condition bash would go on after an error.
set_up() (
    set -euo pipefail
    project=$1 venv=$2 lock=$3
    if command -v flock >/dev/null; then
        exec 9<"$project"    # two shells in one checkout take turns
        flock 9
    fi
    digest=$(venv_digest "$project" "$lock" "$project/pyproject.toml")
    [[ ! -f $venv/.digest || $(<"$venv/.digest") != "$digest" ]] || exit 0
    echo "Setting up ${venv#"$project/"} from ${lock#"$project/"}; this takes about half a minute, once." >&2
    make_venv "$venv"
    venv_install "$venv" --require-hashes --requirement "$lock"
    venv_install "$venv" --no-deps --editable "$project"
    echo "$digest" >"$venv/.digest"
)
