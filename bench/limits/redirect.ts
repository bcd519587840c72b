/** The limit of redirecting: node:http sends the same 302 to every request, and counts nothing. */
import { readFileSync } from 'node:fs';
import { serve } from './http.js';

const [file = ''] = process.argv.slice(2);
const location = readFileSync(file, 'utf8');

serve((_request, response) => {
  response.writeHead(302, { location, 'content-length': 0 });
  response.end();
});
