#!/usr/bin/env bash
# The virtual camera and the webcam against real kernel modules, in a small virtual machine.
#
#   tools/vm_test.sh                  v4l2loopback 0.15 and 0.12, a table of checks at the end
#   tools/vm_test.sh --loopback 0.12  one of them
#   tools/vm_test.sh --full           also the whole of `vivant run`, at the rate that emulation allows
#   tools/vm_test.sh --here           no virtual machine: on this Linux, with its modules loaded, as root:
#                                     sudo modprobe v4l2loopback devices=2 video_nr=10,11 \
#                                       card_label="Vivant AI portrait,Fake Webcam" exclusive_caps=1,1 max_buffers=4
#
# Exit code 0: all checks passed; 1: one failed; 77: there is no virtual machine to run them in.
# Variables: VCAM_VM (runner of the virtual machine: COMMAND after --, --rw FOLDER, --loopback VERSION,
# --loopback-args), PYTHON (the interpreter with Vivant in it), VCAM_OUT (folder of the results).
set -euo pipefail
cd "$(dirname "$0")/.."

readonly RUNNER=${VCAM_VM:-../shared/tools/vcam/vcam_vm.sh}
readonly ARGS='devices=2 video_nr=10,11 card_label="Vivant AI portrait,Fake Webcam" exclusive_caps=1,1 max_buffers=4'
python=${PYTHON:-}
if [[ -z $python ]]; then
  python=python3
  [[ -x .venv/bin/python ]] && python=.venv/bin/python
fi
versions=(0.15 0.12) full=() here=0 limit=240 machine=()

while (($#)); do
  case $1 in
    --loopback) versions=("$2"); shift 2 ;;
    --full) full=(--full); limit=1800 machine=(--smp 2 --mem 4096); shift ;;
    --here) here=1; shift ;;
    -h | --help) sed -n '2,/^set -e/p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    *) echo "vm_test: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
done

if ((!here)) && [[ ! -f $RUNNER ]]; then
  echo "vm_test: no runner of a virtual machine at $RUNNER; set VCAM_VM to one, or use --here on a Linux" \
    "with v4l2loopback loaded" >&2
  exit 77
fi

begun=$SECONDS
out=${VCAM_OUT:-$(mktemp -d)}
mkdir -p "$out"
out=$(realpath "$out")
rm -rf "$out"/*/checks.json "$out"/*/*.npy
"$python" tools/vcam_check.py prepare "$out"
if ((here)); then
  "$python" tools/vcam_check.py guest "$out" "${full[@]}"
else
  for version in "${versions[@]}"; do
    printf '\n== v4l2loopback %s\n' "$version"
    venv=()
    [[ -x .venv/bin/python ]] && venv=(--venv .venv)
    bash "$RUNNER" --timing --timeout "$limit" "${machine[@]}" --rw "$out" --loopback "$version" --loopback-args "$ARGS" "${venv[@]}" -- \
      "$python" tools/vcam_check.py guest "$out" --driver "$version" --unload "${full[@]}"
  done
fi
"$python" tools/vcam_check.py judge "$out" && failed=0 || failed=$?
echo "vm_test: $((SECONDS - begun)) s"
exit "$failed"
