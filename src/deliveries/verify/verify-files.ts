import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Decrypter } from 'age-encryption';
import { openPromise } from 'yauzl';
import type { Manifest } from '../seal/manifest.js';
import { fails, holds, open, type Finding } from './finding.js';
import { csvReader, jsonReader, Lines, type Reader } from './lines.js';
import { printable } from './verify-manifest.js';

type File = Manifest['files'][number];

/** Looks at every file of a delivery, in the order of the manifest, and at the lines in them. */
export class FileVerifier {
  readonly findings: Finding[] = [];
  readonly #lines: Lines;
  readonly #numbers = { last: 0 };
  /** Where files are decrypted to. */
  #work: string | undefined;
  #hasJson = false;
  #hasCsv = false;
  /** Whether a file with lines could not be read to its end. */
  #isIncomplete = false;

  constructor(
    private readonly folder: string,
    private readonly manifest: Manifest,
    /** Of age: AGE-SECRET-KEY-1… */
    private readonly identities: readonly string[],
  ) {
    this.#lines = new Lines(manifest.delivery, manifest.columns);
  }

  async run(): Promise<Finding[]> {
    try {
      for (const file of this.manifest.files.filter(({ archive }) => archive === null)) {
        await this.#inFolder(file);
      }
      this.#checkLines();
      return this.findings;
    } finally {
      if (this.#work !== undefined) await rm(this.#work, { recursive: true, force: true });
    }
  }

  async #inFolder(file: File): Promise<void> {
    const plain = join(this.folder, file.name);
    const isPlain = await isThere(plain);
    const { encrypted } = file;
    const cipher = encrypted && join(this.folder, encrypted.name);
    const isCipher = cipher !== null && (await isThere(cipher));
    if (!isPlain && !isCipher) {
      this.#isIncomplete = true;
      this.findings.push(fails(file.name, 'it is not there'));
      return;
    }
    if (encrypted && cipher !== null && isCipher) {
      const isSame = await this.#check(encrypted, createReadStream(cipher));
      if (!isSame) this.#isIncomplete = true;
      if (!isSame && !isPlain) return;
    }
    const path = isPlain ? plain : await this.#decrypted(file, cipher ?? '');
    if (path !== undefined) await this.#open(file, path);
  }

  /** A file that can be read, and what is in it, if it is an archive. */
  async #open(file: File, path: string): Promise<void> {
    const members = this.manifest.files.filter(({ archive }) => archive === file.name);
    const reader = this.#readerFor(file);
    const isWhole = await this.#check(file, createReadStream(path), reader);
    if (members.length > 0 && isWhole) await this.#openArchive(path, members);
    else if (members.length > 0) this.#isIncomplete = true;
  }

  async #openArchive(path: string, members: readonly File[]): Promise<void> {
    const zip = await openPromise(path, { autoClose: false });
    try {
      const entries = new Map<string, Parameters<typeof zip.openReadStreamPromise>[0]>();
      for await (const entry of zip.eachEntry()) {
        if (entries.has(entry.fileName) || !members.some(({ name }) => name === entry.fileName)) {
          this.findings.push(
            fails(printable(entry.fileName), 'it is in the archive, and not in the manifest'),
          );
        }
        entries.set(entry.fileName, entry);
      }
      for (const member of members) {
        const entry = entries.get(member.name);
        if (entry) await this.#check(member, await zip.openReadStreamPromise(entry), this.#readerFor(member));
        else {
          this.#isIncomplete = true;
          this.findings.push(fails(member.name, 'it is not in the archive'));
        }
      }
    } finally {
      zip.close();
    }
  }

  #readerFor({ name, volume }: File): Reader | undefined {
    if (volume === null) return undefined;
    if (name.endsWith('.json')) {
      this.#hasJson = true;
      return jsonReader(this.#lines);
    }
    if (!name.endsWith('.csv')) return undefined;
    this.#hasCsv = true;
    return csvReader(this.#numbers);
  }

  /** Compares bytes with the manifest. True: they are the same. */
  async #check(
    { name, bytes, sha256 }: Pick<File, 'name' | 'bytes' | 'sha256'>,
    stream: Readable,
    reader?: Reader,
  ): Promise<boolean> {
    const hash = createHash('sha256');
    let read = 0;
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        read += chunk.length;
        // An archive can hold more than any disk.
        if (read > bytes) break;
        hash.update(chunk);
        reader?.take(chunk);
      }
    } catch {
      this.#isIncomplete = true;
      this.findings.push(fails(name, 'it cannot be read'));
      return false;
    }
    const isSame = read === bytes && hash.digest('hex') === sha256;
    const wrong = isSame ? reader?.end() : 'it was changed';
    if (wrong !== undefined) this.#isIncomplete = true;
    this.findings.push(
      wrong === undefined ? holds(name, `${bytes} bytes, SHA-256 ${sha256}`) : fails(name, wrong),
    );
    return isSame;
  }

  /** Where the file is, decrypted; undefined: it could not be. */
  async #decrypted({ name }: File, cipher: string): Promise<string | undefined> {
    if (this.identities.length === 0) {
      this.#isIncomplete = true;
      this.findings.push(open(name, 'encrypted: name your identity of age with --identity to look inside'));
      return undefined;
    }
    this.#work ??= await mkdtemp(join(tmpdir(), 'undersigned-verify-'));
    const path = join(this.#work, name);
    try {
      const decrypter = new Decrypter();
      for (const identity of this.identities) decrypter.addIdentity(identity);
      const plain = await decrypter.decrypt(ReadableStream.from<Uint8Array>(createReadStream(cipher)));
      await pipeline(plain, createWriteStream(path, { mode: 0o600 }));
      return path;
    } catch {
      this.#isIncomplete = true;
      this.findings.push(fails(name, 'it cannot be decrypted with this identity'));
      return undefined;
    }
  }

  #checkLines(): void {
    const { counts, merkle } = this.manifest;
    const { tree, named } = this.#lines;
    if (this.#isIncomplete) {
      this.findings.push(open('lines', 'not counted, since a file is missing or wrong'));
    }
    if (this.#isIncomplete) return;
    if (this.#hasCsv) this.#sameCount('lines in CSV', this.#numbers.last, counts.listed);
    if (!this.#hasJson) {
      this.findings.push(
        open('root', 'it cannot be computed: the salts are in the JSON, which was not asked for'),
      );
      return;
    }
    this.#sameCount('lines in JSON', tree.size, counts.listed);
    this.#sameCount('names in JSON', named, counts.named);
    const root = tree.root().toString('hex');
    const isSame = root === merkle.root && tree.size === merkle.size;
    this.findings.push(isSame ? holds('root', root) : fails('root', `that of the lines is ${root}`));
  }

  #sameCount(about: string, counted: number, said: number): void {
    this.findings.push(
      counted === said
        ? holds(about, String(said))
        : fails(about, `${counted}, and the manifest says ${said}`),
    );
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
