#!/usr/bin/env python3
"""Cuts one of the page's font files down to the letters that fonts.css lists for it.

    cut.py text-han.woff2 NotoSansCJK-Medium.ttc 2

The arguments are the file under kiosk/web/assets, the font it is cut from, and, where
that is a collection, which of its fonts. The letters are those of the file's own
unicode-range: TestFontsCoverSentences names what a changed sentence misses, add it
there first. text-han-more and the names hold less than their range, which says when a
browser asks for them; do not cut these again with it. Needs fontTools and brotli (python3-fonttools, python3-brotli).
"""
import pathlib
import re
import subprocess
import sys

ASSETS = pathlib.Path(__file__).parents[2] / "kiosk/web/assets"


def letters(name):
    """The unicode-range of a file in fonts.css, in the subsetter's own notation."""
    face = next((f for f in (ASSETS / "fonts.css").read_text().split("@font-face") if f"/{name}\"" in f), None)
    if face is None:
        sys.exit(f"cut.py: fonts.css has no face for {name}")
    return re.sub(r"\s", "", re.search(r"unicode-range:([^;]*);", face)[1])


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    name, source = sys.argv[1:3]
    number = ["--font-number=" + sys.argv[3]] if len(sys.argv) == 4 else []
    # Chinese needs no shaping; other scripts keep what joins and places their letters.
    features = ["--layout-features="] if "han" in name else []
    target = ASSETS / name
    before = target.stat().st_size if target.exists() else 0
    subprocess.run([sys.executable, "-m", "fontTools.subset", source, *number, *features, "--unicodes=" + letters(name),
                    "--flavor=woff2", "--no-hinting", f"--output-file={target}"], check=True)
    print(f"{name}: {before} -> {target.stat().st_size} bytes")


main()
