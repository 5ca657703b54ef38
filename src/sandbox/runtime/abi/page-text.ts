import type { DocumentPage } from './host-calls.ts';

const head = /^\{"next":(?:null|"([\w-]*)"),"documents":\[/;
const tail = ']}';

/** Takes a page apart without parsing its documents: `text` is what stands between the brackets of the array. */
export function parsePageText(page: string): { next: string | null; text: string } {
  const match = head.exec(page);
  if (match !== null && page.endsWith(tail)) {
    return { next: match[1] ?? null, text: page.slice(match[0].length, -tail.length) };
  }
  const { next, documents } = JSON.parse(page) as DocumentPage;
  return { next, text: documents.map((document) => JSON.stringify(document)).join(',') };
}
