/*
 * Ends the process on an unsupported Node.js. It must be imported first: on an older Node.js a library would fail to
 * load before a message could be printed. Keep it equal to `engines` in package.json.
 */

/** The lowest minor version of each major version; from FROM on all are supported. Node 21 and 23 are not. */
const LEAST: Readonly<Record<number, number>> = { 20: 19, 22: 14 };
const FROM = 24;

export function isGoodNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major >= FROM || minor >= (LEAST[major] ?? Infinity);
}

const { node } = process.versions;
if (!isGoodNode(node)) {
  console.error(
    `undersigned: this is Node.js ${node}: it needs 20.19 or later, 22.14 or later, or 24 or later`,
  );
  process.exit(1);
}
