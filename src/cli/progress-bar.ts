const WIDTH = 30;
const EVERY_MS = 100;

/** A progress bar on stderr, in a terminal only. `clear` removes it before other output. */
export function progressBar(out: NodeJS.WriteStream = process.stderr) {
  let done = 0;
  let begun = performance.now();
  let shown = 0;
  let current = '';
  return {
    add(what: string, more: number, of: number): void {
      const now = performance.now();
      if (what !== current) [current, done, begun, shown] = [what, 0, now, 0];
      done += more;
      if (!out.isTTY || now - shown < EVERY_MS) return;
      shown = now;
      const share = of === 0 ? 1 : Math.min(1, done / of);
      const bar = '█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░');
      const rate = Math.round((done / Math.max(1, now - begun)) * 1000);
      out.write(`\r\x1b[K${what} ${bar} ${Math.floor(share * 100)} % ${rate.toLocaleString('en')} rows/s`);
    },
    clear(): void {
      if (out.isTTY) out.write('\r\x1b[K');
    },
  };
}
