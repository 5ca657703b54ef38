// The reference for files: node:http that answers a constant of so many bytes.
import { createServer } from 'node:http';

const bytes = Buffer.alloc(Number(process.argv[2]), 'x');
const headers = { 'content-type': 'text/html', 'content-length': bytes.length };
const server = createServer((request, response) => {
  response.writeHead(200, headers);
  response.end(bytes);
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
