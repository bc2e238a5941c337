#!/usr/bin/python3
"""Writes character-sets.json: texts in every character set as bytes, and what pydicom makes of them. The names are
the examples of PS3.5 annexes H (Japanese), I (Korean), J (Chinese, Unicode and GB18030) and K, and short words in
each single-byte set.

Run: /usr/bin/python3 packages/dicom/test/golden/make-character-sets.py   (pydicom 2.3.1)
"""
import json
import pathlib
import warnings

import pydicom
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

warnings.simplefilter("ignore")
E = b"\x1b"
CASES = [
    # vr, Specific Character Set, bytes
    ("PN", "ISO_IR 100", "Buc^Jérôme".encode("latin1")),
    ("PN", "ISO_IR 101", "Wałęsa^Łukasz".encode("iso8859_2")),
    ("PN", "ISO_IR 109", "Ċetta^Ġużè".encode("iso8859_3")),
    ("PN", "ISO_IR 110", "Bērziņš^Jānis".encode("iso8859_4")),
    ("PN", "ISO_IR 144", "Люкceмбypг".encode("iso8859_5", "ignore")),
    ("PN", "ISO_IR 127", "قباني^لنزار".encode("iso8859_6")),
    ("PN", "ISO_IR 126", "Διονυσιος".encode("iso8859_7")),
    ("PN", "ISO_IR 138", "שרון^דבורה".encode("iso8859_8")),
    ("PN", "ISO_IR 148", "Çavuşoğlu^İğdır".encode("iso8859_9")),
    ("PN", "ISO_IR 166", "สมชาย^ใจดี".encode("tis_620")),
    ("LO", "ISO_IR 192", "Ärzte für 王\\名古屋".encode("utf8")),
    ("PN", "ISO_IR 192", "Wang^XiaoDong=王^小东".encode("utf8")),
    ("PN", "GB18030", "Wang^XiaoDong=王^小东".encode("gb18030")),
    ("LO", "GB18030", "\u4e02\u90ce\\\u8521".encode("gb18030")),
    ("LO", "GBK", "第一行\\乗".encode("gbk")),
    # Annex H: Japanese
    ("PN", "\\ISO 2022 IR 87", b"Yamada^Tarou=" + E + b"$B;3ED" + E + b"(B^" + E + b"$BB@O:" + E + b"(B=" + E + b"$B$d$^$@" + E + b"(B^" + E + b"$B$?$m$&" + E + b"(B"),
    ("PN", "ISO 2022 IR 13\\ISO 2022 IR 87", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=" + E + b"$B;3ED" + E + b"(J^" + E + b"$BB@O:" + E + b"(J=" + E + b"$B$d$^$@" + E + b"(J^" + E + b"$B$?$m$&" + E + b"(J"),
    ("PN", "ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3"),
    ("LO", "\\ISO 2022 IR 159", E + b"$(D" + bytes([0x30, 0x21, 0x30, 0x22]) + E + b"(B end"),
    # 5C is the second byte of a JIS X 0208 character: no separator.
    ("LO", "\\ISO 2022 IR 87", E + b"$B" + bytes([0x30, 0x5C, 0x30, 0x21]) + E + b"(B\\two"),
    # Annex I: Korean
    ("PN", "\\ISO 2022 IR 149", b"Hong^Gildong=" + E + b"$)C\xfb\xf3^" + E + b"$)C\xd1\xce\xd4\xd7=" + E + b"$)C\xc8\xab^" + E + b"$)C\xb1\xe6\xb5\xbf"),
    ("LT", "\\ISO 2022 IR 149", E + b"$)CINFO \xc8\xab\r\n" + E + b"$)C\xb1\xe6"),
    # Annex K: Chinese, ISO 2022 IR 58
    ("PN", "\\ISO 2022 IR 58", b"Zhang^XiaoDong=" + E + b"$)A\xd5\xc5^" + E + b"$)A\xd0\xa1\xb6\xab="),
    ("LO", "\\ISO 2022 IR 58", b"1. " + E + b"$)A\xb5\xda\xd2\xbb\xd0\xd0\xce\xc4\xd7\xd6\xa1\xa3"),
    # Mixed single-byte sets with escapes.
    ("PN", "ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126", "Buc^Jérôme=".encode("latin1") + E + b"-L" + "Люк".encode("iso8859_5") + b"^=" + E + b"-F" + "Διον".encode("iso8859_7")),
]
rows = []
for vr, sets, raw in CASES:
    encodings = convert_encodings(sets.split("\\"))
    delimiters = PN_DELIMS if vr == "PN" else TEXT_VR_DELIMS
    rows.append({"vr": vr, "sets": sets, "bytes": raw.hex(), "text": decode_bytes(raw, encodings, delimiters)})
target = pathlib.Path(__file__).with_name("character-sets.json")
lines = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in rows)
target.write_text('{\n  "tool": "pydicom %s",\n  "cases": [\n%s\n  ]\n}\n' % (pydicom.__version__, lines))
print(target, len(rows))
