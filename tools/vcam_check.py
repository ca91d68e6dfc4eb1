"""The virtual camera and the webcam against the real drivers: python tools/vcam_check.py --help.

tools/vm_test.sh runs the three steps in their places: prepare and judge where there is a face
detector, guest where there is v4l2loopback.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

_EPILOG = """examples:
  python tools/vcam_check.py prepare /tmp/vcam
  python tools/vcam_check.py guest /tmp/vcam --camera /dev/video10 --webcam /dev/video11
  python tools/vcam_check.py judge /tmp/vcam
"""


def main() -> int:
    """Exit code 1 when a check fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("prepare", "guest", "judge"))
    parser.add_argument("folder", type=Path, help="for pictures and results")
    parser.add_argument("--driver", default="", help="version of v4l2loopback, for the table")
    parser.add_argument("--camera", default=os.environ.get("VCAM_DEV", "/dev/video10"))
    parser.add_argument("--webcam", default=os.environ.get("WEBCAM_DEV", "/dev/video11"))
    parser.add_argument("--full", action="store_true", help="also the whole of `vivant run`")
    parser.add_argument("--unload", action="store_true", help="at last unload the module")
    options = parser.parse_args()
    steps = {"prepare": prepare, "guest": guest, "judge": judge}
    return steps[options.step](options)


def prepare(options: argparse.Namespace) -> int:
    """Draw the pictures."""
    import numpy as np

    from tools.vcam import pictures

    options.folder.mkdir(parents=True, exist_ok=True)
    images = pictures.make(options.folder)
    np.save(options.folder / "sent.npy", images)
    print(f"{len(images)} pictures of ada, {images.shape[2]} x {images.shape[1]}")
    return 0


def guest(options: argparse.Namespace) -> int:
    """Look at the devices."""
    import numpy as np

    from streamer import v4l2
    from tools.vcam import guest as looks
    from tools.vcam.checks import Table

    version = options.driver or v4l2.module().version or "?"
    folder = options.folder / version
    folder.mkdir(exist_ok=True)
    bench = looks.Bench(options.camera, np.load(options.folder / "sent.npy"), folder)
    table = Table(version)
    looks.look(table, bench)
    if options.webcam and Path(options.webcam).exists():
        from tools.vcam import webcam

        webcam.look(table, options.webcam, folder)
    if options.full:
        from streamer.bundled import clip_path
        from tools.vcam import whole

        whole.look(table, bench, options.webcam, clip_path("demo"))
    looks.end(table, bench, unload=options.unload)
    table.save(folder / "checks.json")
    return 0


def judge(options: argparse.Namespace) -> int:
    """Look for the face in what was read, and print everything."""
    import numpy as np

    from tools.vcam import faces
    from tools.vcam.checks import Check, Table, as_line, load

    sent = np.load(options.folder / "sent.npy")
    checks: list[Check] = []
    for file in sorted(options.folder.glob("*/checks.json")):
        found = load(file)
        table = Table(file.parent.name)
        read = (
            np.load(file.parent / "read.npy") if (file.parent / "read.npy").exists() else sent[:0]
        )
        table.add("the avatar's face moves", lambda read=read: faces.judge(sent, read))
        for name in ("clip", "webcam"):
            whole = file.parent / f"{name}.npy"
            if whole.exists():
                table.add(f"vivant run: {name}, a face", lambda f=whole: faces.shown(np.load(f)))
        checks += [*found, *table.checks]
    print()
    for check in checks:
        print(as_line(check))
    failed = sum(not check.ok for check in checks)
    result = {"failed": failed, "checks": [asdict(check) for check in checks]}
    (options.folder / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{len(checks)} checks, {failed} failed; {options.folder / 'result.json'}")
    return 1 if failed or not checks else 0


if __name__ == "__main__":
    sys.exit(main())
