/** `require` that a module of the new kind makes for itself, with the name that it gives it. */
const creation = /\b(?:const|let|var)\s+([\w$]+)\s*=\s*(?:[\w$]+\.)?createRequire\s*\(\s*import\.meta\.url\s*\)\s*;?/g;

/**
 * The bundler follows calls of `require` only, not of what `createRequire(import.meta.url)` returned; so those become calls of
 * `require`. Null when the module has none. No line moves.
 */
export function followCreatedRequire(code: string): string | null {
  const names: string[] = [];
  let followed = code.replace(creation, (text, name: string) => {
    names.push(name);
    const lines = text.replace(/[^\n]/g, '');
    return name === 'require' ? lines : `const ${name} = (id) => require(id);${lines}`;
  });
  for (const name of names.filter((known) => known !== 'require')) {
    const call = new RegExp(String.raw`(?<![\w$.])${RegExp.escape(name)}(?=\(\s*(['"])[^'"\n]+\1\s*\))`, 'g');
    followed = followed.replace(call, 'require');
  }
  return names.length === 0 ? null : followed;
}
