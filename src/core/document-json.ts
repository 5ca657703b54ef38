import { decodeStoredDocument, decodeStoredText } from './query/stored-text.ts';

/** What `encodeStoredJson` may have escaped, as it stands in the text. */
const mayBeEncoded = /\\u0001|\ue000/;

/** The whole document as JSON text, `_id` last, from its stored row; without parsing it unless it holds escapes of ours. */
export function toDocumentJson(id: string, body: string): string {
  if (mayBeEncoded.test(body)) return JSON.stringify(decodeStoredDocument(id, body));
  const plainId = JSON.stringify(decodeStoredText(id));
  return body === '{}' ? `{"_id":${plainId}}` : `${body.slice(0, -1)},"_id":${plainId}}`;
}
