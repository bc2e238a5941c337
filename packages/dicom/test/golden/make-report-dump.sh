#!/bin/sh
# Writes report.dump.txt: what dcmtk's dsrdump (3.6.7) shows of the report in quality-case.ts.
# Run from packages/dicom: test/golden/make-report-dump.sh
set -eu
file=$(mktemp)
trap 'rm -f "$file"' EXIT
node --input-type=module -e '
import { writeFileSync } from "node:fs";
import { createReportCase } from "./test/quality-case.ts";
writeFileSync(process.argv[1], (await createReportCase()).bytes);
' "$file"
dsrdump +Pn +Pl +Pc +Pu "$file" > test/golden/report.dump.txt
