import { TackleError } from '../../core/errors.ts';

/** POSIX ustar (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html), as far as plain files need it. */
export const blockBytes = 512;

export interface TarEntry {
  readonly name: string;
  readonly size: number;
  readonly mode: number;
}

const nameLength = 100;
const prefixLength = 155;
const largestOctalSize = 0o77777777777;

export function encodeTarHeader({ name, size, mode }: TarEntry): Buffer {
  const header = Buffer.alloc(blockBytes);
  const { prefix, base } = splitName(name);
  header.write(base, 0, 'utf8');
  header.write(`${octal(mode, 7)}\0`, 100);
  header.write(`${octal(0, 7)}\0`, 108);
  header.write(`${octal(0, 7)}\0`, 116);
  writeSize(header, size);
  header.write(`${octal(0, 11)}\0`, 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\0', 257);
  header.write('00', 263);
  header.write(prefix, 345, 'utf8');
  header.write(`${octal(checksum(header), 6)}\0 `, 148);
  return header;
}

/** Null at the end of the archive. Throws `invalid_request` for what is no header. */
export function decodeTarHeader(header: Buffer): TarEntry | null {
  if (header.every((byte) => byte === 0)) return null;
  const stored = Number.parseInt(header.toString('latin1', 148, 156), 8);
  const unsigned = Buffer.from(header);
  unsigned.write('        ', 148);
  if (stored !== checksum(unsigned)) {
    throw new TackleError('invalid_request', 'The file is no backup archive, or it is damaged');
  }
  const base = readText(header, 0, nameLength);
  const prefix = readText(header, 345, prefixLength);
  const mode = Number.parseInt(header.toString('latin1', 100, 107), 8);
  return { name: prefix === '' ? base : `${prefix}/${base}`, size: readSize(header), mode };
}

/** Bytes that fill up the last block of a file. */
export function paddingOf(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}

function splitName(name: string): { prefix: string; base: string } {
  if (Buffer.byteLength(name) <= nameLength) return { prefix: '', base: name };
  const cut = name.indexOf('/', name.length - nameLength - 1);
  const prefix = name.slice(0, cut);
  const base = name.slice(cut + 1);
  if (cut > 0 && Buffer.byteLength(prefix) <= prefixLength && Buffer.byteLength(base) <= nameLength) {
    return { prefix, base };
  }
  throw new TackleError('invalid_request', `The file name is too long for an archive: ${name}`);
}

/** Beyond 8 GB the field is binary, as GNU and BSD tar write it. */
function writeSize(header: Buffer, size: number): void {
  if (size <= largestOctalSize) {
    header.write(`${octal(size, 11)}\0`, 124);
    return;
  }
  header.fill(0, 124, 136);
  header[124] = 0x80;
  header.writeBigUInt64BE(BigInt(size), 128);
}

function readSize(header: Buffer): number {
  if (((header[124] ?? 0) & 0x80) !== 0) return Number(header.readBigUInt64BE(128));
  return Number.parseInt(header.toString('latin1', 124, 135), 8);
}

function readText(header: Buffer, start: number, length: number): string {
  const end = header.indexOf(0, start);
  return header.toString('utf8', start, end === -1 ? start + length : Math.min(end, start + length));
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function checksum(header: Buffer): number {
  return header.reduce((sum, byte) => sum + byte, 0);
}
