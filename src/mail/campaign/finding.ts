import type { Finding } from '../../core/mailings/source.js';

/** Notes something about the text at hand. */
export type Report = (severity: Finding['severity'], code: string, detail: string) => void;

/** Of errors, and of warnings. */
const MOST = 1000;

/** What was found in a mailing: each thing once, and no more of it than anybody reads. */
export class Findings {
  readonly #seen = new Set<string>();
  readonly #counts = { error: 0, warning: 0 };
  readonly all: Finding[] = [];

  add(finding: Finding): void {
    const text = JSON.stringify(finding);
    if (this.#seen.has(text) || this.#counts[finding.severity] >= MOST) return;
    this.#seen.add(text);
    this.#counts[finding.severity] += 1;
    this.all.push(finding);
  }
}
