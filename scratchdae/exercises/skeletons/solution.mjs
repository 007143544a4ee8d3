TASK
// An array is { dtype: "float64", shape: [2, 3], values: [six numbers, row by row] }, a number one with the shape [].
// What JSON has no number for is "NaN", "Infinity" or "-Infinity".
//
// Check it with: scratchdae exercises check NUMBER --exec "node FOLDER/STEM.mjs {case_dir} {out_dir}"
import { readFileSync, writeFileSync } from "node:fs";

const functions = {
GAPS
};

const [caseDir, outDir] = process.argv.slice(2);
const { operation } = JSON.parse(readFileSync(`${caseDir}/case.json`));
const answer = functions[operation](JSON.parse(readFileSync(`${caseDir}/inputs.json`)));
if (!answer) process.exit(3); // not solved yet
writeFileSync(`${outDir}/outputs.json`, JSON.stringify(answer));
