"""What the README and the pages of docs/ show works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from page import blocks

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = {page.name: page for page in sorted((ROOT / "docs").glob("*.md")) if blocks(page)}
ONE_DATABASE = {"postgres.md": "postgresql", "sqlite.md": "sqlite"}


def test_first_example_runs(tmp_path):
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("Ada ['Notes', 'Letters']\n", "")


@pytest.mark.parametrize("name", PAGES)
def test_blocks_of_a_page_run(name, url, tmp_path):
    if not url.startswith(ONE_DATABASE.get(name, url)):
        pytest.skip(f"{name} is of the other database")
    command = [sys.executable, str(ROOT / "tests" / "page.py"), str(PAGES[name]), url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert not done.returncode and not done.stderr, done.stderr


def test_links_between_pages_lead_somewhere():
    for page in [README, *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
