/** A package that bundles of the original library may `require` although it is not in them. */
export type ExternalPackage = { readonly name: string } & (
  | { readonly from: 'tackle' }
  | { readonly from: 'npm'; readonly version: string; readonly integrity: string }
);

const shipped = (name: string): ExternalPackage => ({ name, from: 'tackle' });
const npm = (name: string, version: string, integrity: string): ExternalPackage => ({
  name,
  from: 'npm',
  version,
  integrity,
});

/**
 * What the official command line leaves out of a bundle because the platform provides it (spec/codehooks.md 1.5), by the
 * name in `require`. Some names mean things inside that platform only: installing them by name would run whatever a
 * stranger published under it, so each is mapped to a package and version on purpose. `ajv`, `lodash` and `node-fetch` are
 * in every such bundle and come with Tackle; the others are installed when a bundle asks for them.
 */
export const externalPackages: Readonly<Record<string, ExternalPackage>> = {
  ajv: shipped('ajv'),
  lodash: shipped('lodash'),
  'node-fetch': shipped('node-fetch'),
  '@grpc/proto-loader': npm(
    '@grpc/proto-loader',
    '0.7.15',
    'sha512-tMXdRCfYVixjuFK+Hk0Q1s38gV9zDiDJfWL3h1rv4Qc39oILCu1TRTDt7+fGUI8K4G1Fj125Hx/ru3azECWTyQ==',
  ),
  async: npm(
    'async',
    '3.2.6',
    'sha512-htCUDlxyyCLMgaM3xXg0C0LW2xqfuQ6p05pCEIsXuyQ+a1koYKTuBMzRNwmybfLgvJDMd0r1LTn4+E0Ti6C2AA==',
  ),
  'aws-sdk': npm(
    'aws-sdk',
    '2.1693.0',
    'sha512-cJmb8xEnVLT+R6fBS5sn/EFJiX7tUnDaPtOPZ1vFbOJtd0fnZn/Ky2XGgsvvoeliWeH7mL3TWSX5zXXGSQV6gQ==',
  ),
  axios: npm(
    'axios',
    '1.21.1',
    'sha512-6eI5Q/Y4u/Um9dDlsRoq5pY2rxnUTv+L4PpLitnbk/i4jb3MxLZ5CsN5Ih3IysbeRYK4pR+P7qfMsOQl9fwwFQ==',
  ),
  'crc-32': npm(
    'crc-32',
    '1.2.2',
    'sha512-ROmzCKrTnOwybPcJApAA6WBWij23HVfGVNKqqrZpuyZOHqK2CwHSvpGuyt/UNNvaIjEd8X5IFGp4Mh+Ie1IHJQ==',
  ),
  'cron-parser': npm(
    'cron-parser',
    '4.9.0',
    'sha512-p0SaNjrHOnQeR8/VnfGbmg9te2kfyYSQ7Sc/j/6DtPL3JQvKxmjO9TSjNFpujqV3vEYYBvNNvXSxzyksBWAx1Q==',
  ),
  debug: npm(
    'debug',
    '4.4.3',
    'sha512-RGwwWnwQvkVfavKVt22FGLw+xYSdzARwm0ru6DhTVA3umU5hZc28V3kO4stgYryrTlLpuvgI9GiijltAjNbcqA==',
  ),
  'fast-sort': npm(
    'fast-sort',
    '3.4.1',
    'sha512-76uvGPsF6So53sZAqenP9UVT3p5l7cyTHkLWVCMinh41Y8NDrK1IYXJgaBMfc1gk7nJiSRZp676kddFG2Aa5+A==',
  ),
  'form-data': npm(
    'form-data',
    '4.0.6',
    'sha512-vKatAh4SlVfgbv+YtmhiRjhEMJsYpsG1Y2rMQtR+SVSbytsSD1YGzDIcrAJmdFec88u/+VoGmxnl+80gL1tRCQ==',
  ),
  'google-auth-library': npm(
    'google-auth-library',
    '9.15.1',
    'sha512-Jb6Z0+nvECVz+2lzSMt9u98UsoakXxA2HGHMCxh+so3n90XgYWkq5dur19JAJV7ONiJY22yBTyJB1TSkvPq9Ng==',
  ),
  googleapis: npm(
    'googleapis',
    '144.0.0',
    'sha512-ELcWOXtJxjPX4vsKMh+7V+jZvgPwYMlEhQFiu2sa9Qmt5veX8nwXPksOWGGN6Zk4xCiLygUyaz7xGtcMO+Onxw==',
  ),
  // The native package ended in 2021; this is its successor with the same interface.
  grpc: npm(
    '@grpc/grpc-js',
    '1.14.7',
    'sha512-W4W/fcBMGRVtG6dW2c7cw2mnpS3hvbBd+oQXjh2iYFTZDk1JJmcNqkM5KSaPubQpamlUUurrlb7G1s9NJeERmQ==',
  ),
  jsonwebtoken: npm(
    'jsonwebtoken',
    '9.0.3',
    'sha512-MT/xP0CrubFRNLNKvxJ2BYfy53Zkm++5bX9dtuPbqAeQpTVe0MQTFhao8+Cp//EmJp244xt6Drw/GVEGCUj40g==',
  ),
  mongodb: npm(
    'mongodb',
    '6.22.0',
    'sha512-k9YPpPXZEVyT4kjglCen99LCDToxzM+R89x3cMp8kSWb1gnXDvrsEJQh3FQ4t4jS9+ZA4yBOojHNS1oAB5qwQg==',
  ),
  'mongodb-2': npm(
    'mongodb',
    '2.2.36',
    'sha512-P2SBLQ8Z0PVx71ngoXwo12+FiSfbNfGOClAao03/bant5DgLNkOPAck5IaJcEk4gKlQhDEURzfR3xuBG1/B+IA==',
  ),
  'mongodb-3': npm(
    'mongodb',
    '3.7.4',
    'sha512-K5q8aBqEXMwWdVNh94UQTwZ6BejVbFhh1uB6c5FKtPE9eUMZPUO3sRZdgIEcHSrAWmxzpG/FeODDKL388sqRmw==',
  ),
  'mongodb-4': npm(
    'mongodb',
    '4.17.2',
    'sha512-mLV7SEiov2LHleRJPMPrK2PMyhXFZt2UQLC4VD4pnth3jMjYKHhtqfwwkkvS/NXuo/Fp3vbhaNcXrIDaLRb9Tg==',
  ),
  'mongodb-5': npm(
    'mongodb',
    '5.9.2',
    'sha512-H60HecKO4Bc+7dhOv4sJlgvenK4fQNqqUIlXxZYQNbfEWSALGAwGoyJd/0Qwk4TttFXUOHJ2ZJQe/52ScaUwtQ==',
  ),
  nanoid: npm(
    'nanoid',
    '3.3.20',
    'sha512-uKdg2G3GNCKQn9byYOpxbGqrT2fGO5KRt5J/8b3pok8rT6qxGWF6hxMyJiEYtAf+FVyYuD9hRaDqX5uPFYJ4ZQ==',
  ),
  'node-cron': npm(
    'node-cron',
    '3.0.3',
    'sha512-dOal67//nohNgYWb+nWmg5dkFdIwDm8EpeGYMekPMrngV3637lqnX0lbUcCtgibHTz6SEz7DAIjKvKDFYCnO1A==',
  ),
  'node-geocoder': npm(
    'node-geocoder',
    '4.4.1',
    'sha512-krx50Gxl4yBgMBhfUhOuNwStzLi+gAYaa46gs0e+ftTvaqLsjKYDFVxC8ff6RLc2f11Gp7Y+R1mkzwsE2c0chw==',
  ),
  'openid-client': npm(
    'openid-client',
    '5.7.1',
    'sha512-jDBPgSVfTnkIh71Hg9pRvtJc6wTwqjRkN88+gCFtYWrlP4Yx2Dsrow8uPi3qLr/aeymPF3o2+dS+wOpglK04ew==',
  ),
  'passport-jwt': npm(
    'passport-jwt',
    '4.0.1',
    'sha512-UCKMDYhNuGOBE9/9Ycuoyh7vP6jpeTp/+sfMJl7nLff/t6dps+iaeE0hhNkKN8/HZHcJ7lCdOyDxHdDoxoSvdQ==',
  ),
  'query-to-mongo': npm(
    'query-to-mongo',
    '0.10.1',
    'sha512-928tQp141bsSxQbs7cE/GMgQ2PXL7rsN5tvzA2J2OFuC4u93HzMIdAe/Ga0aoa1bRu/vFaIrgE2OfAQK5BwUbg==',
  ),
  remarkable: npm(
    'remarkable',
    '2.0.1',
    'sha512-YJyMcOH5lrR+kZdmB0aJJ4+93bEojRZ1HGDn9Eagu6ibg7aVZhc3OWbbShRid+Q5eAfsEqWxpe+g5W5nYNfNiA==',
  ),
  request: npm(
    'request',
    '2.88.2',
    'sha512-MsvtOrfG9ZcrOwAW+Qi+F6HbD0CWXEh9ou77uOb7FM2WPhwT7smM833PzanhJLsgXjN89Ir6V2PczXNnMpwKhw==',
  ),
  sift: npm(
    'sift',
    '17.1.4',
    'sha512-/OIVvj9Ts1mFwTYzW09YODMPeIOnDoigMOvKSIN44OmaCyhuCH/05UPF45XW7Ax0snmzDzCzdlSYqvqsn8+sIg==',
  ),
  stripe: npm(
    'stripe',
    '17.7.0',
    'sha512-aT2BU9KkizY9SATf14WhhYVv2uOapBWX0OFWF4xvcj1mPaNotlSc2CsxpS4DS46ZueSppmCF5BX1sNYBtwBvfw==',
  ),
  xml2js: npm(
    'xml2js',
    '0.6.2',
    'sha512-T4rieHaC1EXcES0Kxxj4JWgaUQHDk+qwHcYOCFHfiwKz7tOVPLq7Hjq9dM1WCMhylqMEfP7hMcOIChvotiZegA==',
  ),
  yup: npm(
    'yup',
    '1.7.1',
    'sha512-GKHFX2nXul2/4Dtfxhozv701jLQHdf6J34YDh2cEkpqoo8le5Mg6/LrdseVLrFarmFygZTlfIhHx/QKfb/QWXw==',
  ),
};
