#!/usr/bin/env bash
# Builds the wheel, installs it in a virtual environment of its own, and tests it there.
#
#   python/test.sh            everything; arguments are pytest's
#
# Exits with 3 where that cannot be: without Python 3.9 or later, or where pip cannot install.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/target/python
python=${PYTHON:-python3}

cannot() { echo "$*"; exit 3; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
    cannot "there is no Python 3.9 or later: give one by PYTHON=..."
# A kind of its own for each version: what is installed there is not for another.
venv=$folder/venv-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ -x "$venv/bin/pip" ] || "$python" -m venv --clear "$venv" || cannot "there is no venv for $python"
tests=(pytest mypy typing_extensions aiohttp gunicorn httpx requests scrapy 'maturin>=1.9.4,<2')
# PyrateLimiter 4 needs Python 3.10.
"$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' && tests+=('pyrate-limiter>=4,<5')
"$venv/bin/pip" install --quiet --disable-pip-version-check "${tests[@]}" ||
    cannot "pip cannot install what the tests need: ${tests[*]}"

cargo build --quiet -p tidegate-examples --example peer
rm -f "$folder"/wheels/*.whl
"$venv/bin/maturin" build --quiet --profile dev --manifest-path python/Cargo.toml \
    --interpreter "$venv/bin/python" --target-dir "$folder/target" --out "$folder/wheels"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall \
    "$folder"/wheels/tidegate-*.whl

cd python
TIDEGATE_PEER=$PWD/../target/debug/examples/peer exec "$venv/bin/python" -m pytest "$@"
