import { DeliveryError, type Delivery, type DeliveryLine, type Sum } from './delivery.js';

/** Compares what came with what the first pages say of it. */
export class Tally {
  lines = 0;
  named = 0;
  readonly #byCountry = new Map<string | null, number>();
  readonly #byPartner = new Map<string | null, number>();

  constructor(private readonly delivery: Delivery) {}

  /** Throws where a line is missing, or comes twice. */
  add({ number, name, country, partner = null }: DeliveryLine): void {
    this.lines += 1;
    if (number !== this.lines) {
      throw new DeliveryError(`line ${this.lines} of the list came with the number ${number}`);
    }
    if (name !== null) this.named += 1;
    this.#byCountry.set(country, (this.#byCountry.get(country) ?? 0) + 1);
    this.#byPartner.set(partner, (this.#byPartner.get(partner) ?? 0) + 1);
  }

  /** Throws where the sums are not those of the lines. */
  check(): void {
    const { lines, sums } = this.delivery;
    if (this.lines !== lines) throw new DeliveryError(`${lines} lines were said to come, ${this.lines} came`);
    checkSums('country', sums.country, this.#byCountry);
    checkSums('partner', sums.partner, this.#byPartner);
  }
}

function checkSums(
  by: string,
  sums: readonly Sum[] | null,
  counted: ReadonlyMap<string | null, number>,
): void {
  if (!sums) return;
  const said = new Map<string | null, number>();
  for (const { key, count } of sums) said.set(key, (said.get(key) ?? 0) + count);
  const differing = [...new Set([...said.keys(), ...counted.keys()])].filter(
    (key) => (said.get(key) ?? 0) !== (counted.get(key) ?? 0),
  );
  if (differing.length > 0) {
    throw new DeliveryError(`the sums by ${by} are not those of the lines, in ${differing.length} places`);
  }
}
