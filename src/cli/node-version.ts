/*
 * Imported before anything else: on an older Node a library fails to load, or ends the process, before it can say why.
 * As package.json has it under `engines`.
 */

/** The least of each line; later lines are good. Others of Node 21 to 23 lack what libraries need, or are over. */
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
