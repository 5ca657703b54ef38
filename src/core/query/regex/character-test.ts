import type { CharacterTest } from './program.ts';

/**
 * Membership in a class, set or (ignoring case) character, asked of V8 for one character at a time, so that case folding,
 * properties and set operations mean exactly what they mean there. Answers are remembered.
 */
export function createCharacterTest(raw: string, flags: string, unicode: boolean): CharacterTest {
  const native = new RegExp(`^(?:${raw})$`, flags);
  const ascii = new Int8Array(128).fill(-1);
  const others = new Map<number, boolean>();
  const ask = (character: number): boolean =>
    native.test(unicode ? String.fromCodePoint(character) : String.fromCharCode(character));
  return (character) => {
    if (character < 128) {
      if (ascii[character] === -1) ascii[character] = ask(character) ? 1 : 0;
      return ascii[character] === 1;
    }
    const known = others.get(character);
    if (known !== undefined) return known;
    const answer = ask(character);
    if (others.size < maxRemembered) others.set(character, answer);
    return answer;
  };
}

const maxRemembered = 4_096;
