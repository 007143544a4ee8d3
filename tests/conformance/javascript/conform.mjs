// A denoising autoencoder in JavaScript, held to the cases:
//
//   scratchdae conform run --exec "node conform.mjs {case_dir} {out_dir}"
//
// It is called once for each case. Exit status 3 says that a case is of something that is not done here. The report
// shows the last line of the standard error.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { choose, OPERATIONS, Unsupported } from "./operations.mjs";
import { read, write } from "./safetensors.mjs";

const [caseDir, outDir] = process.argv.slice(2);
try {
  const { operation, conventions } = JSON.parse(readFileSync(join(caseDir, "case.json"), "utf8"));
  const answer = choose(OPERATIONS, operation)(read(join(caseDir, "inputs.safetensors")), conventions);
  write(join(outDir, "outputs.safetensors"), answer);
} catch (error) {
  console.error(error.message);
  process.exitCode = error instanceof Unsupported ? 3 : 1;
}
