// Validate glTF files with Khronos' validator; any error or warning fails.
const fs = require("fs");
const path = require("path");
const validator = require("gltf-validator");

(async () => {
  let failed = false;
  for (const file of process.argv.slice(2)) {
    const folder = path.dirname(file);
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)), {
      uri: path.basename(file),
      maxIssues: 0,
      externalResourceFunction: (uri) =>
        fs.promises.readFile(path.join(folder, decodeURIComponent(uri))).then((data) => new Uint8Array(data)),
    });
    const { numErrors, numWarnings, messages } = report.issues;
    console.log(`${path.basename(file)}: ${numErrors} errors, ${numWarnings} warnings`);
    for (const message of messages.filter((each) => each.severity < 2)) {
      console.log(`  ${message.code} ${message.pointer}: ${message.message}`);
    }
    failed ||= numErrors + numWarnings > 0;
  }
  process.exit(failed ? 1 : 0);
})();
