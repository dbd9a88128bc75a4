"""Writes django.txt and zxcvbn.txt: the entries of 8 to 128 characters of two lists of common passwords, most common first.

    pip install --no-deps --target /tmp/lists Django==5.2.19 zxcvbn==4.5.0
    PYTHONPATH=/tmp/lists python3 domain/common_passwords/lists.py
"""
import gzip
import importlib.util
import pathlib

from zxcvbn.frequency_lists import FREQUENCY_LISTS

here = pathlib.Path(__file__).parent
django = pathlib.Path(importlib.util.find_spec("django").origin).parent / "contrib/auth/common-passwords.txt.gz"

for name, entries in {
    "django": gzip.decompress(django.read_bytes()).decode().splitlines(),
    "zxcvbn": FREQUENCY_LISTS["passwords"],
}.items():
    used = [entry for entry in entries if 8 <= len(entry) <= 128]
    assert all(entry == entry.lower() for entry in used)
    (here / f"{name}.txt").write_text("\n".join(used) + "\n")
