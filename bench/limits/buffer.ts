/** The limit of reading: node:http sends the bytes of our answer from memory to every request. */
import { readFileSync } from 'node:fs';
import { serve } from './http.js';

const [file = ''] = process.argv.slice(2);
const body = readFileSync(file);

serve((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
