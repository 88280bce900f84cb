"""The picture of a kernel's counts, and the launch configuration for VS Code."""

import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from scratchlm.cli.kernel.picture import draw_counts
from scratchlm.kernels.cuda import launching

COUNTS = (
    "global_reads", "global_writes", "shared_reads", "shared_writes", "barriers", "exchanges", "segments",
    "divergent",
)  # fmt: skip


def counts(*numbers):
    return SimpleNamespace(**dict(zip(COUNTS, numbers, strict=True)))


def test_every_count_is_a_bar_and_launches_of_one_kernel_are_added_up(tmp_path, monkeypatch):
    drawn, plain = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *a, **b: drawn.append(figure) or plain(figure, *a, **b)
    )
    launches = [
        ("one", 4, 32, counts(1, 2, 3, 4, 5, 6, 8, 2)),
        ("other", 1, 64, counts(10, 0, 0, 0, 0, 0, 0, 0)),
        ("one", 4, 32, counts(10, 20, 30, 40, 50, 60, 8, 2)),
    ]
    path = tmp_path / "counts.png"
    draw_counts(launches, "title", path)
    assert path.read_bytes().startswith(b"\x89PNG")
    accesses, waits, parting = drawn[0].axes
    lengths = [[bar.get_width() for bar in axes.patches] for axes in (accesses, waits, parting)]
    assert lengths == [[11, 10, 22, 0, 33, 0, 44, 0], [55, 0, 66, 0], [25, 0]]
    names = [label.get_text() for label in accesses.get_yticklabels()]
    assert names == ["one\n2 × 4 blocks of 32", "other\n1 block of 64"]


def test_kernel_run_draws_a_picture(scratchlm, tmp_path):
    path = tmp_path / "softmax.png"
    code, out, _ = scratchlm("kernel", "run", "softmax", "--mode", "check", "--picture", path)
    assert code == 0
    assert out.endswith(f"Picture: {path}\n")
    assert path.exists()


def test_a_picture_is_a_png(scratchlm, tmp_path):
    code, out, said = scratchlm(
        "kernel", "run", "softmax", "--mode", "check", "--picture", tmp_path / "a.svg"
    )
    assert (code, out) == (2, "")
    assert said.endswith("a.svg: it is drawn as PNG: give a name that ends in .png.\n")


def test_a_missing_folder_is_told_before_the_run(scratchlm, tmp_path, monkeypatch):
    monkeypatch.setattr(launching, "emulating", None)  # nothing may run
    path = tmp_path / "no" / "a.png"
    code, out, said = scratchlm("kernel", "run", "softmax", "--mode", "check", "--picture", path)
    assert (code, out) == (2, "")
    assert said == f"scratchlm: There is no folder {path.parent} for a.png: make it first.\n"


def test_what_is_not_counted_is_not_drawn(scratchlm, tmp_path):
    code, out, said = scratchlm("kernel", "run", "softmax", "--picture", tmp_path / "a.png")
    assert (code, out) == (2, "")
    assert said == "scratchlm: --picture draws what is counted in mode check: add --mode check.\n"


# ---------------------------------------------------------------- VS Code
@pytest.fixture
def written(scratchlm, tmp_path, monkeypatch):
    """Write a configuration into an empty folder; the same again with other options."""
    monkeypatch.chdir(tmp_path)

    def write(*options):
        code, out, said = scratchlm("kernel", "debug", "softmax", "--vscode", *options)
        file = tmp_path / ".vscode" / "launch.json"
        return code, out + said, json.loads(file.read_text(encoding="utf-8")) if code == 0 else None

    return write


def test_the_configuration_takes_the_place_of_its_former_self(written, tmp_path):
    assert written("--thread", 1)[0] == 0
    file = tmp_path / ".vscode" / "launch.json"
    kept = {"name": "mine", "type": "debugpy"}
    whole = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(whole | {"configurations": [kept, *whole["configurations"]], "inputs": []}))
    _, said, found = written("--thread", 3, "--block-index", 1)
    assert "has 'scratchlm: softmax_forward'" in said
    assert found["inputs"] == []
    assert [entry["name"] for entry in found["configurations"]] == ["mine", "scratchlm: softmax_forward"]
    texts = [command["text"] for command in found["configurations"][1]["setupCommands"]]
    assert texts[:2] == ["set $thread = 3", "set $block = 1"]
    assert texts[3:] == ["emu_at softmax_forward"]


def test_a_file_with_comments_is_left_alone(written, tmp_path):
    file = tmp_path / ".vscode" / "launch.json"
    file.parent.mkdir()
    file.write_text('{\n  // mine\n  "configurations": []\n}')
    code, said, _ = written()
    assert code == 2
    assert "cannot be read as JSON (it may have comments): add this to its configurations yourself: {" in said
    assert file.read_text().startswith("{\n  // mine")


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_gdb_stops_where_the_configuration_says(written, tmp_path):
    _, _, found = written("--thread", 3, "--block-index", 1, "--shape", "4,40")
    entry = found["configurations"][0]
    commands = [command["text"] for command in entry["setupCommands"]]
    commands += ["run", "print threadIdx.x", "print blockIdx.x", *["next"] * 12, "print $_exitcode"]
    options = [part for command in commands for part in ("-ex", command)]
    done = subprocess.run(
        ["gdb", "-nx", "-q", "-batch", *options, "--args", entry["program"], *entry["args"]],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    if "ptrace" in done.stderr:
        pytest.skip("gdb may not trace processes here")
    assert re.search(r"Breakpoint \d+, .*softmax_forward \(", done.stdout), done.stdout + done.stderr
    assert "$1 = 3" in done.stdout
    assert "$2 = 1" in done.stdout
    steps = done.stdout.split("$2 = 1")[1]
    assert "The thread has left the kernel." in steps  # and gdb does not fall into the emulator
    assert not re.search(r"emu_launch|no line number|bounds of current", steps), steps
    assert "$3 = 0" in steps
