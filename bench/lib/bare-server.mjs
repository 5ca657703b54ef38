// The reference: node:http that answers a constant.
import { createServer } from 'node:http';

const text = '{"hello":"world"}';
const server = createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
  response.end(text);
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
