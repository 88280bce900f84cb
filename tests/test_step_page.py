"""The stepper's page in a real browser: it opens from its file, and its numbers are the recording's."""

import json
import re
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

import scratchlm as sl
from scratchlm import models
from scratchlm.cli.step import step
from scratchlm.debugger import record
from scratchlm.debugger.graph import edges, folds
from scratchlm.debugger.page import write

from .test_book import CHROMIUM
from .test_stepper import IDS, everything, lstm, recorded, sequences

browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


def opened(page, script="", seconds=8):
    """What a page holds after a script has run in it, and what it says on its console."""
    again = page.with_name("again.html")
    ran = f"<script>(async () => {{ {script} }})();</script></html>"
    again.write_text(page.read_text(encoding="utf-8").replace("</html>", ran), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--virtual-time-budget={seconds}000", "--dump-dom"]
    done = subprocess.run([*command, again.as_uri()], capture_output=True, encoding="utf-8", timeout=120)
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


WAIT = "const wait = ms => new Promise(done => setTimeout(done, ms)); await wait(200);"


def told(page, script, seconds=8):
    """The JSON that a script leaves in `found`."""
    leave = (
        "const output = Object.assign(document.createElement('output'), {id: 'told'});"
        "output.textContent = JSON.stringify(found); document.body.append(output);"
    )
    dom, said = opened(page, f"{WAIT} {script} {leave}", seconds)
    assert said == []
    return json.loads(re.search(r'<output id="told">(.*?)</output>', dom, re.DOTALL)[1].replace("&lt;", "<"))


@browser
@pytest.mark.parametrize("what", [everything, sequences])
def test_every_element_is_the_recordings_and_its_terms_add_up(tmp_path, what):
    tape = recorded(what)
    write(tape, tmp_path / "page.html")
    found = told(tmp_path / "page.html", """
        const found = {values: [], wrong: [], terms: 0};
        for (let k = 0; k < order.length; k++) {
          await go(k);
          for (const a of Object.values(arrays)) {
            found.values.push([order[k].number, a.name, Array.from(a.values).reduce((s, x) => s + x, 0)]);
            for (let i = 0; i < a.rows; i++) for (let j = 0; j < a.columns; j++) {
              point(a, i, j);
              const lines = $("terms").textContent.split("\\n");
              if (lines.length < 4) continue;
              found.terms++;
              const total = +lines[3].replace("= ", "").replace("−", "-");
              const x = a.values[i * a.columns + j];
              const apart = Math.abs(total - x) / Math.max(1, Math.abs(x));
              if (apart > 1e-3) found.wrong.push([a.name, i, j, x, lines[3]]);
            }
          }
        }""")  # fmt: skip
    assert found["wrong"] == []
    assert found["terms"] > (150 if what is everything else 90)
    from scratchlm.debugger.questions import arrays_of

    assert len(found["values"]) > (80 if what is everything else 60)
    for number, name, total in found["values"]:
        array = arrays_of(tape[number])[name].array.astype(np.float64)
        assert total == pytest.approx(array.sum(), rel=1e-3, abs=1e-3)


@browser
def test_keys_slider_direction_links_and_language(tmp_path):
    model = lstm()
    tape = recorded(lambda: model.loss(IDS, IDS)[0])
    write(tape, tmp_path / "page.html")
    found = told(tmp_path / "page.html", """
        const found = [], title = () => $("title").textContent.split(" ")[0];
        const press = async key => {
          document.dispatchEvent(new KeyboardEvent("keydown", {key})); await wait(100);
        };
        await press("ArrowRight"); await press("ArrowRight"); await press("ArrowLeft"); found.push(title());
        await press("End"); found.push(title());
        $("slider").value = 3; $("slider").dispatchEvent(new Event("input")); await wait(100);
        found.push(title());
        document.querySelector("figcaption a").click(); await wait(100); found.push(title());
        $("way").click(); await wait(100); found.push(title());
        await press("n"); found.push(title());
        $("language").click(); await wait(100);
        found.push($("next").textContent, document.documentElement.lang);
        const canvas = document.querySelector("canvas"), box = canvas.getBoundingClientRect();
        canvas.dispatchEvent(new MouseEvent("mousemove", {clientX: box.x + 3, clientY: box.y + 3}));
        found.push($("terms").textContent.includes(" = "));
        await go(order.findIndex(r => r.name === "LSTM")); found.push($("drawing").firstChild.dataset.family);
        """)  # fmt: skip
    last = str(len(tape) - 1)
    turns = [r.number for r in sorted((r for r in tape if r.turn is not None), key=lambda r: r.turn)]
    made = next(s.source[0] for s in tape[3].inputs if isinstance(s.source, tuple))
    assert found == ["1", last, "3", str(made), str(turns[0]), str(turns[1]), "下一步 ▶", "zh", True, "chain"]


@browser
def test_what_repeats_is_folded_until_it_is_asked_for(tmp_path):
    sl.manual_seed(0)
    model, ids = models.GPTLanguageModel(9, 4, 8, num_heads=2, num_layers=4), np.array([[1, 2, 3]])
    tape = recorded(lambda: model.loss(ids, ids)[0])
    write(tape, tmp_path / "page.html")
    found = told(tmp_path / "page.html", """
        const rows = () => document.querySelectorAll("#list div[data-number]").length;
        const fold = () => document.querySelector("#list .fold"), found = [rows(), fold().textContent];
        fold().click(); found.push(rows(), fold().textContent);
        fold().click(); found.push(rows());
        await go(order.length - 5); found.push(rows(), document.querySelector("#list div.at").dataset.number);
        for (const which of ["", ".at"]) found.push(document.querySelectorAll(`#list path${which}`).length);
        """)  # fmt: skip
    (fold,) = folds(tape)
    assert (fold.times, fold.label) == (4, "blocks.0 … blocks.3 ×4")
    short = len(tape) - 3 * fold.length
    whole = [short, f"▸ {fold.label}", len(tape), f"▾ {fold.label}", short, len(tape), str(len(tape) - 5)]
    assert found[:7] == whole
    assert found[7] == len(set(edges(tape)))
    assert found[8] > 0


@browser
def test_a_page_of_a_gpt_is_small_and_quick(tmp_path):
    sl.manual_seed(0)
    model = models.GPTLanguageModel(65, 64, 128, num_heads=4, num_layers=4)
    ids = np.random.default_rng(0).integers(0, 65, (2, 64))
    tape = recorded(lambda: model.loss(ids, ids)[0])
    write(tape, tmp_path / "gpt.html")
    assert (tmp_path / "gpt.html").stat().st_size < 30 * 2**20
    found = told(tmp_path / "gpt.html", "const found = performance.now();")
    print(f"{(tmp_path / 'gpt.html').stat().st_size / 2**20:.1f} MB, {found:.0f} ms")


def test_a_page_without_arrays_and_with_text_that_ends_scripts(tmp_path):
    class Odd(sl.Function):
        """y = x </script><b>."""

        def forward(self, x):
            return 1 * x

        def backward(self, grad_y):
            return grad_y

    globals()["Odd"] = Odd
    Odd.__qualname__ = "Odd"
    with record("shape", quiet=True) as tape:
        Odd()(sl.randn(2, requires_grad=True))
    write(tape, tmp_path / "page.html", "zh")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 1
    if CHROMIUM is not None:
        dom, said = opened(tmp_path / "page.html")
        assert said == []
        assert "数组没有保留" in dom


def test_the_command_writes_a_page(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import scratchlm as sl\nsl.randn(2, 3, requires_grad=True).softmax().sum().backward()\n"
    )
    page = tmp_path / "page.html"
    done = CliRunner().invoke(step, [str(program), "--html", str(page)])
    assert done.exit_code == 0, done.output
    assert "open it in a browser" in done.output
    assert "https:" not in page.read_text(encoding="utf-8"), "nothing from a network"
