"""Records a command as an animated SVG: `python -m tools.record docs/demo.svg make demo`.

Long pauses are shortened and short ones stretched, so that it can be read. It starts again after its end.
"""

import subprocess
import sys
import time
from html import escape
from pathlib import Path
from textwrap import wrap

_COLUMNS, _ROWS = 104, 24
_LEAST, _MOST, _HEADLINE, _END = 0.15, 0.8, 1.5, 8.0  # seconds
_HEIGHT, _WIDTH = 18, 8.4  # of a character cell
_STYLE = "text{font:14px ui-monospace,Menlo,Consolas,monospace;fill:#c9d1d9;white-space:pre}"


def recorded(command: list[str]) -> list[tuple[float, str]]:
    """Run the command, show its output, and return each line with its time in the recording.

    Raises:
        SystemExit: the command failed.
    """
    shown = " ".join(word for word in command if not word.startswith("-"))
    rows, last, now = [(0.0, f"$ {shown}")], time.monotonic(), 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            now += max(_LEAST, min(time.monotonic() - last, _MOST)) if line.strip() else _HEADLINE
            last = time.monotonic()
            rows += [(now, row) for row in wrap(line.rstrip(), _COLUMNS, subsequent_indent=" " * 8) or [""]]
    if process.returncode:
        raise SystemExit(process.returncode)
    return rows


def drawn(rows: list[tuple[float, str]]) -> str:
    """Return the SVG: each row appears at its time, and the page moves up by the rows that do not fit."""
    total = rows[-1][0] + _END
    frames = {0.0: 0} | {at: max(0, index + 1 - _ROWS) for index, (at, _) in enumerate(rows)}
    steps = "".join(f"{at / total:.3%}{{transform:translateY({-up * _HEIGHT}px)}}" for at, up in sorted(frames.items()))
    frames_of_rows, texts = [], []
    for index, (at, text) in enumerate(rows):
        frames_of_rows.append(f"@keyframes r{index}{{0%{{opacity:0}}{at / total:.3%},100%{{opacity:1}}}}")
        timing = f"animation:r{index} {total:.1f}s step-end infinite"
        texts.append(f'<text x="12" y="{_HEIGHT * (index + 1) + 6}" style="{timing}">{escape(text)}</text>')
    width, height = round(_COLUMNS * _WIDTH) + 24, _ROWS * _HEIGHT + 24
    scroll = f"@keyframes up{{{steps}}}g{{animation:up {total:.1f}s step-end infinite}}"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve"'
        f' viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f"<style>{_STYLE}{scroll}{''.join(frames_of_rows)}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>\n<g>\n'
        + "\n".join(texts)
        + "\n</g>\n</svg>\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawn(recorded(sys.argv[2:])), encoding="utf-8")
