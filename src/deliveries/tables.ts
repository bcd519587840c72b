import { csvCell } from '../core/csv.js';
import { columnsOf, type Column, type Delivery, type DeliveryLine } from './delivery.js';
import type { FileSink } from './file-sink.js';

/* The list as CSV and as JSON, line by line. Both have everything that the PDF cuts or cannot draw. */

export type Place = { volume: number; volumes: number };

/** A file of a volume, which takes its lines in their order. */
export type VolumeFile = {
  add: (line: DeliveryLine) => void;
  /** What comes after the last line. */
  end: () => void | Promise<void>;
};

export function csvFile(sink: FileSink, delivery: Delivery): VolumeFile {
  const columns = columnsOf(delivery);
  // Without the mark at the beginning, Excel takes it for a file in the code page of its country.
  sink.write(`\ufeff${columns.join(',')}\r\n`);
  return {
    add: (line) => sink.write(`${columns.map((column) => csvCell(cellOf(line, column))).join(',')}\r\n`),
    end: () => undefined,
  };
}

const cellOf = (line: DeliveryLine, column: Column): string => String(line[column] ?? '');

export function jsonFile(sink: FileSink, delivery: Delivery, { volume, volumes }: Place): VolumeFile {
  const columns = columnsOf(delivery);
  const head = {
    delivery: delivery.id,
    petition: delivery.petition,
    organization: delivery.organization,
    title: delivery.title,
    recipient: delivery.recipient,
    cut_at: delivery.cutAt,
    total: delivery.lines,
    volume,
    volumes,
    columns,
    sums: delivery.sums,
    unlisted: delivery.unlisted,
    weeded: delivery.weeded,
    after: delivery.after,
    struck: delivery.struck,
  };
  sink.write(`${JSON.stringify(head).slice(0, -1)},"lines":[`);
  let before = '\n';
  return {
    add: (line) => {
      const fields = columns.map((column) => `"${column}":${JSON.stringify(line[column] ?? null)}`);
      sink.write(`${before}{${fields.join(',')},"salt":"${line.salt}"}`);
      before = ',\n';
    },
    end: () => sink.write('\n]}\n'),
  };
}

/** The lines of earlier deliveries that no longer hold, one to a record. */
export async function struckFile(sink: FileSink, { struck }: Delivery): Promise<void> {
  sink.write('\ufeffdelivery,line\r\n');
  for (const { delivery, lines } of struck) {
    for (const line of lines) sink.write(`${csvCell(delivery)},${line}\r\n`);
    await sink.ready();
  }
}
