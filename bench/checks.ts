export type Checks = {
  add(what: string, holds: boolean, otherwise?: string): void;
  /** Prints all checks. Returns whether all hold. */
  print(): boolean;
};

/** Collects the checks of a run, to be printed at its end. */
export function createChecks(): Checks {
  const lines: { text: string; holds: boolean }[] = [];
  return {
    add(what, holds, otherwise = '') {
      lines.push({
        text: `${holds ? 'ok    ' : 'FAILED'} ${what}${holds || otherwise === '' ? '' : `: ${otherwise}`}`,
        holds,
      });
    },
    print() {
      for (const { text } of lines) console.log(text);
      const failed = lines.filter(({ holds }) => !holds).length;
      console.log(`\n${lines.length - failed} ok, ${failed} failed`);
      return failed === 0 && lines.length > 0;
    },
  };
}
