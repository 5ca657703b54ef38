/** Keeps names and messages of strangers from forging log lines or moving the terminal's cursor. */

const ansiSequence = /[\u001B\u009B](?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\-_])?/g;

/** Drops escape sequences, and turns every run of control characters, line ends included, into one space. */
export function hideControlCharacters(text: string): string {
  return text
    .replaceAll(ansiSequence, '')
    .replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029]+/g, ' ')
    .trim();
}
