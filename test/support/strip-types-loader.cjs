// A webpack loader for TypeScript: Node's own transformation, which also knows enums and parameter properties.
const { stripTypeScriptTypes } = require('node:module');

module.exports = function stripTypes(source) {
  return stripTypeScriptTypes(source, { mode: 'transform' });
};
