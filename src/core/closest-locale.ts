/** The tag of `written` that is closest to the wanted one: the same, else a shorter one that includes it, else a sibling. */
export function closestOf(written: readonly string[], wanted: string): string | undefined {
  const parts = wanted.toLowerCase().split('-');
  for (let length = parts.length; length > 0; length -= 1) {
    const tag = parts.slice(0, length).join('-');
    const found = written.find((one) => one.toLowerCase() === tag);
    if (found !== undefined) return found;
  }
  return written.find((one) => one.toLowerCase().split('-')[0] === parts[0]);
}
